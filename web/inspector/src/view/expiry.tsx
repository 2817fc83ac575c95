// How long the thread has to live, counting down, and more time for it.
import { useState } from 'preact/hooks';
import { sentence } from '../api/errors';
import { ask } from '../api/http';
import { now } from '../state/clock';
import type { Thread } from '../state/thread';
import { duration, exact, left } from './format';

const hour = 3_600;
const day = 24 * hour;
const choices = [hour, day, 7 * day, 30 * day, 365 * day];

export function Expiry({ thread }: { thread: Thread }) {
  const state = thread.state.value;
  const [seconds, setSeconds] = useState(30 * day);
  const [error, setError] = useState<unknown>(null);
  if (!state) return null;
  const remaining = (Date.parse(state.expiresAt) - now.value) / 1000;
  const extend = async (event: Event) => {
    event.preventDefault();
    try {
      const { extendTtl } = await ask('ExtendTtl', { input: { threadId: thread.threadId, ttlSeconds: seconds } });
      setError(null);
      // It changes no version, so no change is told of it.
      if (thread.state.value) thread.state.value = { ...thread.state.value, expiresAt: extendTtl.ttl.expiresAt };
    } catch (failure) {
      setError(failure);
    }
  };
  return (
    <div class="expiry">
      <p class="countdown" title={exact(state.expiresAt)}>
        <span class="number">{left(remaining)}</span> <span class="quiet">of {duration(state.ttlSeconds)}, renewed by each write</span>
      </p>
      <meter min={0} max={Math.max(state.ttlSeconds, remaining)} value={remaining} aria-label="Time that is left" />
      <form class="inline" onSubmit={(event) => void extend(event)}>
        <label for="extend" class="quiet">
          Expire in
        </label>
        <select id="extend" value={String(seconds)} onChange={(event) => setSeconds(Number(event.currentTarget.value))}>
          {choices.map((choice) => (
            <option key={choice} value={String(choice)}>
              {duration(choice)}
            </option>
          ))}
        </select>
        <button type="submit">{seconds >= remaining ? 'Extend' : 'Shorten'}</button>
      </form>
      {error !== null && (
        <p class="error" role="alert">
          {sentence(error)}
        </p>
      )}
    </div>
  );
}
