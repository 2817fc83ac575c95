// JSON as the server has it. It keeps the digits of numbers, and so must a page that shows them: 18446744073709551615 and 21.50 would
// otherwise come out as 18446744073709552000 and 21.5.

interface Raw {
  rawJSON?: (text: string) => unknown;
}
const native = JSON as unknown as Raw;

/**
 * A reviver for JSON.parse that leaves a number as it was written, where the browser can (since 2025 all can): one that
 * JavaScript would write otherwise becomes an object that JSON.stringify writes verbatim.
 */
export function keepDigits(this: unknown, _key: string, value: unknown, context?: { source?: string }): unknown {
  const source = context?.source;
  if (typeof value !== 'number' || source === undefined || !native.rawJSON || String(value) === source) return value;
  return native.rawJSON(source);
}

/** A number to calculate with, out of one that may have been kept as it was written. */
export function numeric(value: unknown): number {
  return Number(JSON.stringify(value));
}
