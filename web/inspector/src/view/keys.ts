// The keys that work wherever the focus is, unless it is where text is written.
import { close, opened } from '../state/route';
import { singleKeys } from '../state/settings';
import { dialog, showDialog } from './dialogs';
import { moveLine } from './sidebar';
import { stateShown } from './thread';

const focus = (id: string) => document.getElementById(id)?.focus();

const commands: Record<string, () => void> = {
  '/': () => focus('search'),
  j: () => moveLine(1),
  k: () => moveLine(-1),
  m: () => focus('composer'),
  s: () => (stateShown.value = !stateShown.value),
  '?': () => showDialog('keys'),
};

export function listen(): void {
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || dialog.value !== null) return;
    const target = event.target as HTMLElement;
    const writing = target.matches('input, textarea, select');
    if (event.key === 'Escape') {
      if (writing) target.blur();
      else if (opened.value !== null) {
        close();
        moveLine(1);
      }
      return;
    }
    const command = commands[event.key];
    if (writing || !command || singleKeys.value === 'off') return;
    event.preventDefault();
    command();
  });
}
