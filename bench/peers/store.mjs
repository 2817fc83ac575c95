// What the resolvers of all peers call: the same commands in Redis as agentstate's.
import { readFileSync } from 'node:fs'
import { createClient } from 'redis'
import { buckets, expires, keysOf, messageOf, peek, recordFields, share, timeOf, updated } from './layout.mjs'

// node-redis needs half of what ioredis needs for the same commands: it writes what is asked for in one turn at once, by itself.
const [host, port] = process.env.REDIS_ADDR.split(':')
const redis = createClient({ socket: { host, port: Number(port) }, RESP: 2 })
await redis.connect()
const source = (name) => readFileSync(new URL(`../../store/scripts/${name}.lua`, import.meta.url), 'utf8')
const append = await redis.sendCommand(['SCRIPT', 'LOAD', `${source('lib')}\n${source('append')}`])

const place = Object.fromEntries(recordFields.map((name, i) => [name, i]))

function threadOf(id, record, micros) {
  if (!record[place.epoch] || Number(record[place.expires]) <= micros) return null
  return {
    threadId: id,
    version: Number(record[place.version]),
    lastUpdated: timeOf(Number(record[place.updated])),
    messageCounts: { total: record[place.seq] - record[place.base] },
  }
}

const clock = (time) => Number(time[0]) * 1e6 + Number(time[1])

// agentState reads a thread with its last messages, in one transaction.
export async function agentState(id, last) {
  const keys = keysOf(id)
  const reading = redis.multi().addCommand(['TIME']).addCommand(['HMGET', keys.record, ...recordFields])
  if (last > 0) reading.addCommand(['LRANGE', keys.messages, String(-last), '-1'])
  const [time, record, elements] = await reading.exec()
  const thread = threadOf(id, record, clock(time))
  if (thread && last > 0) {
    thread.messages = {
      nodes: elements.map(messageOf),
      pageInfo: { hasPreviousPage: thread.messageCounts.total > elements.length },
    }
  }
  return thread
}

// recent reads the threads that were updated last: their ids in one pipeline, and then their records in one transaction.
export async function recent(limit) {
  const ids = await newest(limit)
  const reading = redis.multi()
  for (const id of ids) reading.addCommand(['TIME']).addCommand(['HMGET', keysOf(id).record, ...recordFields])
  const got = await reading.exec()
  return ids.map((id, i) => threadOf(id, got[2 * i + 1], clock(got[2 * i]))).filter(Boolean)
}

async function newest(limit) {
  const asked = [redis.sendCommand(['TIME'])]
  for (let b = 0; b < buckets.length; b++) {
    asked.push(redis.sendCommand(['ZRANGE', expires(b), '0', String(peek - 1), 'WITHSCORES']))
  }
  const count = String(share(limit + 1))
  for (let b = 0; b < buckets.length; b++) {
    asked.push(redis.sendCommand(['ZREVRANGEBYSCORE', updated(b), '+inf', '-inf', 'WITHSCORES', 'LIMIT', '0', count]))
  }
  const [time, ...lists] = await Promise.all(asked)
  const now = clock(time)
  const gone = new Set()
  for (const list of lists.slice(0, buckets.length)) {
    for (let i = 0; i < list.length; i += 2) if (Number(list[i + 1]) <= now) gone.add(list[i])
  }
  const all = []
  for (const list of lists.slice(buckets.length)) {
    for (let i = 0; i < list.length; i += 2) if (!gone.has(list[i])) all.push([list[i], Number(list[i + 1])])
  }
  return all.sort((a, b) => b[1] - a[1]).slice(0, limit).map(([id]) => id)
}

const letters = { HUMAN: 'H', AI: 'A', SYSTEM: 'S', TOOL: 'T', FUNCTION: 'F', CHAT: 'C', OTHER: 'O' }

// addMessage runs the script that adds a message.
export async function addMessage({ threadId, message: m }) {
  const body = JSON.stringify({
    id: m.messageId, type: m.type, content: m.content, tool_calls: m.toolCalls, tool_call_id: m.toolCallId, status: m.status,
  })
  const reply = await redis.sendCommand([
    'EVALSHA', append, '9', ...keysOf(threadId).script, '', threadId, '', '', '0123456789abcdef', '10000000', 'refuse', '8192',
    '2592000', '0', '', '{}', m.messageId, letters[m.type], body,
  ])
  if (reply[0] !== 'OK') throw new Error(`the script refuses the message: ${reply[0]}`)
  const [seq, there] = reply.slice(4)
  const element = there || `${seq}:${reply[3]}:${letters[m.type]}:${Buffer.byteLength(m.messageId)}:${m.messageId}${body}`
  return { message: messageOf(element), duplicate: reply[2] > 0 }
}

const listeners = new Map()
const subscriber = redis.duplicate()
await subscriber.connect()

// announced passes on what is announced on a channel, with the message in it.
function announced(text, channel) {
  const element = text.split(':', 5).reduce((at, part) => at + part.length + 1, 0)
  if (element >= text.length) return
  const event = { messageAdded: messageOf(text.slice(element)) }
  for (const push of listeners.get(channel)) push(event)
}

// messagesAdded gives what is announced of a thread from now on, decoded once for all of its listeners. It fills no gaps.
export function messagesAdded(id) {
  const { channel } = keysOf(id)
  const waiting = []
  let wake = null
  let over = false
  const push = (event) => {
    if (!wake) return waiting.push(event)
    wake({ value: event, done: false })
    wake = null
  }
  if (!listeners.has(channel)) {
    listeners.set(channel, new Set())
    subscriber.subscribe(channel, announced)
  }
  listeners.get(channel).add(push)
  return {
    next() {
      if (waiting.length > 0) return Promise.resolve({ value: waiting.shift(), done: false })
      if (over) return Promise.resolve({ value: undefined, done: true })
      return new Promise((resolve) => { wake = resolve })
    },
    return() {
      over = true
      listeners.get(channel)?.delete(push)
      wake?.({ value: undefined, done: true })
      return Promise.resolve({ value: undefined, done: true })
    },
    [Symbol.asyncIterator]() { return this },
  }
}

// The memory of the process is to be what it needs.
process.on('SIGUSR2', () => globalThis.gc?.())
