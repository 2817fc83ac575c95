-- What the scripts share. Go puts this file ahead of each of them.
--
-- KEYS of every script about a thread: 1 record, 2 messages, 3 ids, 4 index by update, 5 index by expiry, 6 index by id, 7 owners,
-- 8 channel, 9 edits (store/keys.go). Replies are arrays whose first element is a status word, so that nobody has to read error
-- texts. A script checks everything before it writes anything: Redis does not roll back.

-- The command that announces; on a cluster Go puts SPUBLISH in its place (store/sharded.go).
local PUBLISH = 'PUBLISH'

local RECORD, MESSAGES, IDS, UPDATED, EXPIRES, BYID, OWNERS, CHANNEL, EDITS =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]

-- The keys of a thread carry a Redis expiry too, so that nothing outlives its thread even if no server runs. It lies this
-- many milliseconds behind the thread's own ("expires", in the record and the index, which alone decides), so that most
-- writes need not move it: three PEXPIREATs are a quarter of what an append costs.
local SLACK_MS = 60000

-- A whole number as Redis wants it: tostring would give 1.7e+15.
local function int(n)
  return string.format('%.0f', n)
end

-- A score as a number. Round ones come as 1.7e+15, which the Lua of the embedded Redis does not read.
local function score(text)
  local digits, zeros = string.match(text, '^([%d.]+)e%+(%d+)$')
  if digits then
    return math.floor(tonumber(digits) * 10 ^ tonumber(zeros) + 0.5)
  end
  return tonumber(text)
end

-- The time of Redis in microseconds.
local function now()
  local t = redis.call('TIME')
  return tonumber(t[1]) * 1000000 + tonumber(t[2])
end

-- The thread as it stands, or nil where it is absent or past its expiry. The list of messages has seq - base places, of which
-- removed are empty (store/element.go); edits counts the changes of messages that were there already. trimmed is the number of the last
-- message that was trimmed, where that is another one than base: the places between them were empty and are left out (places.lua).
-- Old cursors are good from there on.
local function load(at)
  local r = redis.call('HMGET', RECORD, 'epoch', 'seq', 'base', 'version', 'updated', 'expires', 'kept', 'ttl',
    'edits', 'X', 'trimmed')
  if not r[1] or tonumber(r[6]) <= at then
    return nil
  end
  return {
    epoch = r[1], seq = tonumber(r[2]), base = tonumber(r[3]), version = tonumber(r[4]), updated = tonumber(r[5]),
    expires = tonumber(r[6]), kept = tonumber(r[7]), ttl = tonumber(r[8]), edits = tonumber(r[9] or 0),
    removed = tonumber(r[10] or 0), trimmed = r[11],
  }
end

-- Removes the thread, or what is left of it.
local function drop(owner, id)
  redis.call('UNLINK', RECORD, MESSAGES, IDS, EDITS)
  redis.call('ZREM', UPDATED, id)
  redis.call('ZREM', EXPIRES, id)
  redis.call('ZREM', BYID, id)
  if redis.call('EXISTS', BYID) == 0 then
    redis.call('SREM', OWNERS, owner)
  end
end

-- Writes the record of a new thread, whose times and numbers changed() writes. First something that a full Redis refuses: once a
-- script has removed something, it is refused nothing any more.
local function create(owner, id, epoch, at, ttl, relevant, context, metadata)
  redis.call('SADD', OWNERS, owner)
  drop(owner, id)
  redis.call('HSET', RECORD, 'epoch', epoch, 'base', '0', 'created', int(at), 'ttl', ttl, 'relevant', relevant,
    'context', context, 'metadata', metadata)
  redis.call('ZADD', BYID, '0', id)
  redis.call('SADD', OWNERS, owner)
end

-- Goes on with the last length places of the list, which have just been added to one that Redis had evicted. What is gone cannot
-- be told from what was trimmed, so old cursors must not look valid: the thread gets a new epoch, its numbers stay where they were.
local function mend(thread, epoch, length)
  thread.epoch, thread.base, thread.removed = epoch, thread.seq - length, 0
  redis.call('DEL', IDS, EDITS)
  redis.call('HDEL', RECORD, 'H', 'A', 'S', 'T', 'F', 'C', 'O', 'X', 'trimmed')
  redis.call('HSET', RECORD, 'epoch', epoch, 'base', int(thread.base))
end

-- Removes the oldest messages until no more than most are left, with the empty places ahead of what stays.
local function trim(thread, most)
  local excess = thread.seq - thread.base - thread.removed - most
  if excess <= 0 then
    return
  end
  while excess > 0 do
    for _, element in ipairs(redis.call('LPOP', MESSAGES, math.min(excess, 1000))) do
      local kind, length, from = string.match(element, '^%d+:%d+:(%a):(%d+):()')
      if kind == 'X' then
        thread.removed = thread.removed - 1
      else
        redis.call('HDEL', IDS, string.sub(element, from, from + length - 1))
        excess = excess - 1
      end
      redis.call('HINCRBY', RECORD, kind, -1)
      thread.base = thread.base + 1
    end
  end
  redis.call('HSET', RECORD, 'base', int(thread.base))
  if thread.trimmed then
    redis.call('HDEL', RECORD, 'trimmed')
  end
end

-- Moves the Redis expiry of the thread's keys if they would go before the thread does, or if it must be set anew.
local function keep(thread, anew)
  local due = math.ceil(thread.expires / 1000)
  if anew or thread.kept < due then
    thread.kept = due + SLACK_MS
    local at = int(thread.kept)
    redis.call('PEXPIREAT', RECORD, at)
    redis.call('PEXPIREAT', MESSAGES, at)
    redis.call('PEXPIREAT', IDS, at)
    redis.call('PEXPIREAT', EDITS, at)
    redis.call('HSET', RECORD, 'kept', at)
  end
end

-- Counts a change: version, time, expiry and index entries. The caller has written the record's other fields; anew says
-- that keys were created, which have no expiry yet.
local function changed(thread, id, at, anew)
  thread.version = thread.version + 1
  thread.updated = math.max(thread.updated, at)
  thread.expires = math.max(thread.expires, at + thread.ttl * 1000000)
  redis.call('HSET', RECORD, 'seq', int(thread.seq), 'version', int(thread.version),
    'updated', int(thread.updated), 'expires', int(thread.expires))
  redis.call('ZADD', UPDATED, int(thread.updated), id)
  redis.call('ZADD', EXPIRES, int(thread.expires), id)
  keep(thread, anew)
end

-- Tells the listeners. kind: c created, u updated, d deleted, x expired. element: the message that was added, where it is
-- one and small. The form is read by store/event.go.
local function announce(kind, thread, element)
  redis.call(PUBLISH, CHANNEL,
    kind .. ':' .. thread.epoch .. ':' .. int(thread.version) .. ':' .. int(thread.seq) .. ':' .. int(thread.edits) .. ':' ..
    (element or ''))
end
