// Where threads lie in Redis (store/keys.go). The buckets, the fields of a record and the script come from the store itself.

export const buckets = process.env.BUCKETS.split(' ')
export const recordFields = process.env.RECORD_FIELDS.split(' ')
export const peek = Number(process.env.PEEK)

const encoder = new TextEncoder()
const prime = [0x01b3, 0x0000, 0x0100, 0x0000] // 0x100000001b3, lowest 16 bits first

// bucketOf is FNV-1a of 64 bits over owner, a zero byte and the id, folded; in limbs of 16 bits, since BigInt would be slow.
export function bucketOf(id) {
  let [a, b, c, d] = [0x2325, 0x8422, 0x9ce4, 0xcbf2]
  const mix = (byte) => {
    a ^= byte
    const p = a * prime[0]
    const q = b * prime[0] + (p >>> 16)
    const r = c * prime[0] + a * prime[2] + (q >>> 16)
    const s = d * prime[0] + b * prime[2] + (r >>> 16)
    a = p & 0xffff
    b = q & 0xffff
    c = r & 0xffff
    d = s & 0xffff
  }
  mix(0)
  for (const byte of encoder.encode(id)) mix(byte)
  return (a ^ c) % buckets.length // sixteen buckets: the lowest bits alone decide
}

const key = (bucket, kind) => `thread:{${buckets[bucket]}}:${kind}:`

// makeKeys gives the keys of a thread: some by name, and those that its scripts take.
function makeKeys(id) {
  const b = bucketOf(id)
  const [record, messages, ids, channel, edits] = ['t', 'm', 'i', 'c', 'e'].map((kind) => `${key(b, kind)}:${id}`)
  const owners = `thread:{${buckets[b]}}:o`
  const script = [record, messages, ids, updated(b), expires(b), key(b, 'l'), owners, channel, edits]
  return { record, messages, channel, script }
}

export const updated = (bucket) => key(bucket, 'u')
export const expires = (bucket) => key(bucket, 'x')

const known = new Map()

// keysOf remembers the keys of threads that were asked for.
export function keysOf(id) {
  let keys = known.get(id)
  if (!keys) {
    if (known.size > 100_000) known.clear()
    keys = makeKeys(id)
    known.set(id, keys)
  }
  return keys
}

// messageOf makes a message of an element (store/element.go): <seq>:<microseconds>:<type>:<length of the id>:<id><body>.
export function messageOf(element) {
  const first = element.indexOf(':')
  const second = element.indexOf(':', first + 1)
  const m = JSON.parse(element.slice(element.indexOf('{"id":', second)))
  return {
    messageId: m.id,
    seq: Number(element.slice(0, first)),
    type: m.type,
    content: m.content,
    toolCalls: m.tool_calls ?? [],
    timestamp: m.timestamp ? m.timestamp.replace(/(?:\.(\d+))?Z$/, (_, digits = '') => `.${digits.padEnd(6, '0')}Z`) : timeOf(Number(element.slice(first + 1, second))),
  }
}

let second = NaN
let secondText = ''

// timeOf writes a time in microseconds. Most times in an answer share their second, which toISOString is slow at.
export function timeOf(micros) {
  const whole = Math.floor(micros / 1e6)
  if (whole !== second) {
    second = whole
    secondText = new Date(whole * 1000).toISOString().slice(0, 20)
  }
  return `${secondText}${String(micros - whole * 1e6).padStart(6, '0')}Z`
}

// How many of the first n entries of all buckets are read of each, see share in store/search.go.
export function share (n) {
  const mean = n / buckets.length
  return Math.min(n, Math.ceil(mean + 3 * Math.sqrt(mean)) + 3)
}
