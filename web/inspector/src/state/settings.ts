// What the reader has set, kept for the next visit. Without storage, as in some private windows, it lasts as long as the page.
import { effect, signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';

function kept<T extends string>(key: string, values: readonly T[]) {
  const name = `agentstate:${key}`;
  let initial = values[0] as T;
  try {
    initial = values.find((value) => value === localStorage.getItem(name)) ?? initial;
  } catch {
    // Then it is the first.
  }
  const setting = signal<T>(initial);
  effect(() => {
    try {
      localStorage.setItem(name, setting.value);
    } catch {
      // It holds until the page is closed.
    }
  });
  return setting;
}

export const theme = kept<Theme>('theme', ['system', 'light', 'dark']);

/** Keys without Ctrl or Alt can be turned off (WCAG 2.2, 2.1.4): speech input types them by accident. */
export const singleKeys = kept<'on' | 'off'>('single-keys', ['on', 'off']);

effect(() => {
  const { documentElement: root } = document;
  if (theme.value === 'system') delete root.dataset.theme;
  else root.dataset.theme = theme.value;
});
