// Numbers, times and sizes as people read them. The formatters are made once: making one takes as long as drawing a message.

const whole = new Intl.NumberFormat('en');
const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });
const timeOfDay = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const shortDay = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const longDay = new Intl.DateTimeFormat('en-GB', { weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });

const full = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeStyle: 'long' });
const medium = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

export const count = (value: number): string => whole.format(value);
export const short = (value: number): string => compact.format(value);
export const clock = (instant: string): string => timeOfDay.format(new Date(instant));
export const day = (instant: string): string => longDay.format(new Date(instant));

/** One of something, or several of it. */
export function several(value: number, one: string): string {
  return `${count(value)} ${one}${value === 1 ? '' : 's'}`;
}

/** How long ago, in as few letters as a line of a list has room for. */
export function ago(instant: string, now: number): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(instant)) / 1000));
  if (seconds < 5) return 'now';
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h`;
  if (seconds < 7 * 86_400) return `${Math.floor(seconds / 86_400)} d`;
  return shortDay.format(new Date(instant));
}

/** A time that is left: two units of it, and the seconds only in the last day. */
export function left(seconds: number): string {
  const s = Math.max(0, Math.ceil(seconds));
  const two = (value: number) => String(value).padStart(2, '0');
  if (s >= 86_400) return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
  if (s >= 3600) return `${Math.floor(s / 3600)}:${two(Math.floor((s % 3600) / 60))}:${two(s % 60)}`;
  return `${Math.floor(s / 60)}:${two(s % 60)}`;
}

/** A duration in its largest whole unit. */
export function duration(seconds: number): string {
  for (const [unit, size] of [['day', 86_400], ['hour', 3600], ['minute', 60]] as const) {
    if (seconds >= size && seconds % size === 0) return several(seconds / size, unit);
  }
  return several(seconds, 'second');
}

/** Date and time in the reader's zone, for the title of a shorter one. */
export function exact(instant: string): string {
  return full.format(new Date(instant));
}

/** The same, shorter. */
export function stamp(instant: string): string {
  return medium.format(new Date(instant));
}
