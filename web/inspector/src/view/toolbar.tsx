// How the connection is, the token, the theme and the keys.
import { type Link, link } from '../api/live';
import { type Theme, theme } from '../state/settings';
import { token } from '../state/session';
import { showDialog } from './dialogs';
import { Icon } from './icons';

const says: Record<Link, [string, string]> = {
  idle: ['Idle', 'Nothing is followed at the moment.'],
  connecting: ['Connecting', 'The live connection is on its way.'],
  live: ['Live', 'What happens shows at once.'],
  reconnecting: ['Reconnecting', 'The live connection is lost and tried again. What happens meanwhile comes then, in order.'],
  resumed: ['Resumed', 'The connection is back, and went on behind the last message here: nothing is missing.'],
  refused: ['Refused', 'The server wants another token.'],
};

export function Connection() {
  const [name, meaning] = says[link.value];
  return (
    <span class={`connection connection-${link.value}`} role="status" title={meaning}>
      {name}
    </span>
  );
}

const nextTheme: Record<Theme, Theme> = { system: 'light', light: 'dark', dark: 'system' };

export function Toolbar() {
  return (
    <div class="toolbar">
      <Connection />
      <button type="button" class="plain" aria-label={token.value ? 'Change the token' : 'Give a token'} title="Token" onClick={() => showDialog('token')}>
        <Icon name="key" />
      </button>
      <button
        type="button"
        class="plain"
        aria-label={`Theme: ${theme.value}`}
        title={`Theme: ${theme.value}`}
        onClick={() => (theme.value = nextTheme[theme.value])}
      >
        <Icon name={theme.value} />
      </button>
      <button type="button" class="plain keys" aria-label="Keys" title="Keys (?)" onClick={() => showDialog('keys')}>
        <Icon name="keyboard" />
      </button>
    </div>
  );
}
