// Says what a server without a Redis of its own says of its data, until the reader has read it: once per browser tab.

interface Health {
  redis_status?: { mode?: string; warnings?: string[] };
}

export async function notice(): Promise<void> {
  const dismissed = 'agentstate:notice-dismissed';
  if (sessionStorage.getItem(dismissed)) return;
  const { redis_status: redis } = (await (await fetch('health')).json()) as Health;
  const text = redis?.warnings?.join(' ');
  if (redis?.mode !== 'EMBEDDED' || !text) return;
  const element = document.getElementById('notice')!;
  element.querySelector('p')!.textContent = text;
  element.querySelector('button')!.addEventListener('click', () => {
    sessionStorage.setItem(dismissed, 'yes');
    element.hidden = true;
  });
  element.hidden = false;
}
