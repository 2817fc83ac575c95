// Which thread is open. It stands in the fragment of the address, which a browser keeps to itself: a link opens it, the way back
// closes it, and no log of a proxy has its id.
import { signal } from '@preact/signals';

function read(): string | null {
  const { hash } = location;
  if (hash.length < 2) return null;
  try {
    return decodeURIComponent(hash.slice(1));
  } catch {
    return hash.slice(1);
  }
}

/** The id of the open thread; null for none. */
export const opened = signal(read());
addEventListener('hashchange', () => (opened.value = read()));

/** The address of a thread, for a link. */
export function addressOf(threadId: string): string {
  return `#${encodeURIComponent(threadId)}`;
}

export function open(threadId: string): void {
  location.hash = addressOf(threadId);
}

/** Back to the list alone. */
export function close(): void {
  history.pushState(null, '', location.pathname + location.search);
  opened.value = null;
}
