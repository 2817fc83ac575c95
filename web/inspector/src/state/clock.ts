// The server's time. A countdown by a clock that is minutes off would be wrong by as much.
import { signal } from '@preact/signals';

let ahead = 0; // milliseconds of the server's clock ahead of this one

/** The time on the server in milliseconds since 1970; changes once a second while the page is seen. */
export const now = signal(Date.now());

/** Takes in what the server's clock said in an answer that came just now. */
export function adjust(serverSeconds: number): void {
  const difference = serverSeconds * 1000 - Date.now();
  // Less than two seconds are the way of the answer.
  ahead = Math.abs(difference) < 2_000 ? 0 : difference;
  tick();
}

function tick(): void {
  if (!document.hidden) now.value = Date.now() + ahead;
}

setInterval(tick, 1_000);
document.addEventListener('visibilitychange', tick);
