// Two small plots: tokens over the thread, and messages over time.
import { useEffect } from 'preact/hooks';
import { sentence } from '../api/errors';
import type { Point } from '../api/types';
import type { Activity } from '../state/activity';
import { count, exact, several, short } from './format';

const width = 280;
const height = 56;
const bins = 40;
const gap = 1;

interface Bar {
  /** From the bottom up. */
  values: number[];
  title: string;
}

export function Plots({ activity }: { activity: Activity }) {
  const state = activity.state.value;
  useEffect(() => void (state === 'unread' && activity.read()), [activity, state]);
  const points = activity.points.value;
  if (state === 'failed') {
    return (
      <p class="error" role="alert">
        {sentence(activity.failure.value)}{' '}
        <button type="button" class="link" onClick={() => void activity.read()}>
          Try again
        </button>
      </p>
    );
  }
  if (state !== 'read') return <p class="quiet">Reading…</p>;
  if (points.length === 0) return <p class="quiet">Nothing to draw yet.</p>;
  return (
    <>
      <Tokens points={points} />
      <Times points={points} />
      {activity.partial.value && <p class="quiet">Of the last {count(points.length)} messages.</p>}
    </>
  );
}

function Tokens({ points }: { points: readonly Point[] }) {
  const input = sum(points, (point) => point.usage?.inputTokens ?? 0);
  const output = sum(points, (point) => point.usage?.outputTokens ?? 0);
  if (input + output === 0) return <p class="quiet">No message tells what tokens it used.</p>;
  const size = Math.max(1, Math.ceil(points.length / bins));
  const bars: Bar[] = [];
  for (let at = 0; at < points.length; at += size) {
    const part = points.slice(at, at + size);
    const values = [sum(part, (point) => point.usage?.inputTokens ?? 0), sum(part, (point) => point.usage?.outputTokens ?? 0)];
    bars.push({ values, title: `${span(part)}: ${count(values[0] ?? 0)} in, ${count(values[1] ?? 0)} out` });
  }
  return (
    <figure class="plot">
      <figcaption>
        Tokens <span class="quiet">over the thread</span>
        <span class="legend">
          <span class="key key-0">{short(input)} in</span>
          <span class="key key-1">{short(output)} out</span>
        </span>
      </figcaption>
      <Bars bars={bars} label={`${count(input)} tokens in and ${count(output)} out over ${several(points.length, 'message')}`} />
      <Ends from={`#${points[0]?.seq}`} to={`#${points.at(-1)?.seq}`} />
    </figure>
  );
}

function Times({ points }: { points: readonly Point[] }) {
  const times = points.map(({ timestamp }) => Date.parse(timestamp));
  const from = times.reduce((a, b) => Math.min(a, b));
  const to = times.reduce((a, b) => Math.max(a, b));
  const step = Math.max(1, (to - from) / bins);
  const counts = new Array<number>(bins).fill(0);
  for (const time of times) {
    const bin = Math.min(bins - 1, Math.floor((time - from) / step));
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  const bars = counts.map((value, bin) => ({
    values: [value],
    title: `${several(value, 'message')} from ${exact(new Date(from + bin * step).toISOString())}`,
  }));
  return (
    <figure class="plot">
      <figcaption>
        Messages <span class="quiet">over time</span>
      </figcaption>
      <Bars bars={bars} label={`${several(points.length, 'message')} from ${brief(from, to, from)} to ${brief(from, to, to)}`} />
      <Ends from={brief(from, to, from)} to={brief(from, to, to)} />
    </figure>
  );
}

function Bars({ bars, label }: { bars: Bar[]; label: string }) {
  const highest = Math.max(1, ...bars.map(({ values }) => sum(values, (value) => value)));
  const slot = width / bars.length;
  // A few bars do not fill their places: slabs of colour would look like much.
  const wide = Math.min(slot - gap, 12);
  return (
    <svg class="bars" viewBox={`0 0 ${width} ${height}`} role="img" aria-label={label} preserveAspectRatio="none">
      <line class="base" x1="0" x2={width} y1={height - 0.5} y2={height - 0.5} />
      {bars.map(({ values, title }, index) => {
        let top = height - 1;
        return (
          <g key={index}>
            <title>{title}</title>
            <rect class="slot" x={index * slot} y="0" width={slot} height={height} />
            {values.map((value, series) => {
              const tall = value === 0 ? 0 : Math.max(1.5, (value / highest) * (height - 4));
              top -= tall;
              return tall > 0 && <rect key={series} class={`series-${series}`} x={index * slot + (slot - wide) / 2} y={top} width={wide} height={tall} />;
            })}
          </g>
        );
      })}
    </svg>
  );
}

function Ends({ from, to }: { from: string; to: string }) {
  return (
    <div class="ends quiet" aria-hidden="true">
      <span>{from}</span>
      <span>{to}</span>
    </div>
  );
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}

function span(part: readonly Point[]): string {
  const [first, last] = [part[0]?.seq, part.at(-1)?.seq];
  return first === last ? `#${first}` : `#${first} to #${last}`;
}

// The day where they are on several, else the time.
function brief(from: number, to: number, time: number): string {
  const sameDay = new Date(from).toDateString() === new Date(to).toDateString();
  return new Date(time).toLocaleString('en-GB', sameDay ? { timeStyle: 'medium' } : { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });
}
