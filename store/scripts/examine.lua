-- Compares what Redis holds of one thread with its record, and mends it where that is asked for, in one step, so that no writer comes
-- between the look and the change. The messages themselves are for examinemessages.lua and the scripts behind it.
--
-- ARGV: 1 owner, 2 thread id, 3 'look' or 'fix', 4 for how many microseconds what an expired thread leaves is no finding, because
--       somebody is about to clear it away, 5 an epoch for a thread that has lost messages.
-- Reply: {'GONE', what of it is left, first of t x u l m i e, '' for nothing, 'unswept' or 'leftover' where that is a finding, else ''}
--        {'LIVES', epoch, base, seq, then a code for each finding}
-- Findings: malformed (not mended), index-updated, index-expires, index-id, owner, ttl, messages-lost, message-ids, message-counts
--        (the last two are left to the scripts that go through the messages).
-- Cost: the same at any length of the thread.

local owner, id, fix, grace, epoch = ARGV[1], ARGV[2], ARGV[3] == 'fix', tonumber(ARGV[4]), ARGV[5]
local at = now()

local function is(key, kind)
  local t = redis.call('TYPE', key)
  t = t.ok or t
  return t == kind or t == 'none'
end
if not (is(RECORD, 'hash') and is(MESSAGES, 'list') and is(IDS, 'hash') and is(EDITS, 'list')) then
  return {'LIVES', '', 0, 0, 'malformed'}
end

local function place(index)
  local s = redis.call('ZSCORE', index, id)
  return s and score(s)
end
local updated, expires, by_id = place(UPDATED), place(EXPIRES), place(BYID)

local r = redis.call('HMGET', RECORD, 'epoch', 'seq', 'base', 'version', 'updated', 'expires', 'kept', 'ttl')
if redis.call('EXISTS', RECORD) == 1 then
  for i = 1, 8 do
    if not r[i] or i > 1 and not tonumber(r[i]) then
      return {'LIVES', '', 0, 0, 'malformed'}
    end
  end
end

local thread = load(at)
if not thread then
  local left = ''
  if r[1] then left = 't'
  elseif expires then left = 'x'
  elseif updated then left = 'u'
  elseif by_id then left = 'l'
  elseif redis.call('EXISTS', MESSAGES) == 1 then left = 'm'
  elseif redis.call('EXISTS', IDS) == 1 then left = 'i'
  elseif redis.call('EXISTS', EDITS) == 1 then left = 'e'
  end
  if left == '' then
    return {'GONE', '', ''}
  end
  local due = r[1] and tonumber(r[6]) or expires
  if due and due <= at and due + grace > at and expires and expires <= at then
    return {'GONE', left, ''}
  end
  if fix then
    drop(owner, id)
    announce('x', {epoch = r[1] or '', version = tonumber(r[4] or 0), seq = tonumber(r[2] or 0), edits = 0})
  end
  return {'GONE', left, due and due <= at and 'unswept' or 'leftover'}
end

local reply = {'LIVES', thread.epoch, thread.base, thread.seq}
local function wrong(code)
  reply[#reply + 1] = code
end
if updated ~= thread.updated then
  wrong('index-updated')
  if fix then
    redis.call('ZADD', UPDATED, int(thread.updated), id)
  end
end
if expires ~= thread.expires then
  wrong('index-expires')
  if fix then
    redis.call('ZADD', EXPIRES, int(thread.expires), id)
  end
end
if by_id ~= 0 then
  wrong('index-id')
  if fix then
    redis.call('ZADD', BYID, '0', id)
  end
end
if redis.call('SISMEMBER', OWNERS, owner) == 0 then
  wrong('owner')
  if fix then
    redis.call('SADD', OWNERS, owner)
  end
end

-- A key without an expiry outlives its thread, one with an early one goes before it; a second for rounding.
for _, key in ipairs({RECORD, MESSAGES, IDS, EDITS}) do
  local left = redis.call('PTTL', key)
  if left == -1 or left >= 0 and at / 1000 + left + 1000 < thread.expires / 1000 then
    wrong('ttl')
    if fix then
      keep(thread, true)
    end
    break
  end
end

-- The messages tell their numbers themselves, so they say what is left of them.
local length = redis.call('LLEN', MESSAGES)
local first, last = thread.base + 1, thread.seq
if length > 0 then
  first = tonumber(string.match(redis.call('LINDEX', MESSAGES, 0), '^(%d+):'))
  last = tonumber(string.match(redis.call('LINDEX', MESSAGES, -1), '^(%d+):'))
end
if length ~= thread.seq - thread.base or first ~= thread.base + 1 or last ~= thread.seq then
  if length > 0 and (not first or not last or last - first + 1 ~= length) then
    wrong('malformed')
    return reply
  end
  wrong('messages-lost')
  if fix then
    -- Old cursors must not look valid: the thread goes on under a new epoch.
    thread.epoch, thread.base = epoch, length == 0 and thread.seq or first - 1
    redis.call('DEL', EDITS)
    redis.call('HDEL', RECORD, 'trimmed')
    if length > 0 then
      thread.seq = last
    end
    redis.call('HSET', RECORD, 'epoch', epoch, 'base', int(thread.base), 'seq', int(thread.seq))
    announce('u', thread)
  end
end
reply[2], reply[3], reply[4] = thread.epoch, thread.base, thread.seq
if redis.call('HLEN', IDS) ~= length - thread.removed then
  wrong('message-ids')
end
local counted = 0
for _, n in ipairs(redis.call('HMGET', RECORD, 'H', 'A', 'S', 'T', 'F', 'C', 'O', 'X')) do
  counted = counted + (n and tonumber(n) or 0)
end
if counted ~= length then
  wrong('message-counts')
end
return reply
