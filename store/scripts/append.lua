-- Adds messages to a thread, and creates the thread where that is asked for.
--
-- ARGV: 1 owner, 2 thread id, 3 expected version or '', 4 '' (the thread must exist), 'missing' (create it if need be) or
--       'new' (it must not exist), 5 an epoch for a thread that is created, 6 how many messages a thread may hold,
--       7 'refuse' or 'trim' beyond that, 8 the largest element in bytes that is announced with the message in it,
--       9 TTL of a created thread in seconds, 10 its relevance, 11 its context, 12 its metadata,
--       then three for each message: id, type letter, body (store/element.go).
-- Reply: {'OK', epoch, how many were there already, the time in microseconds, then two for each message: its sequence number, and its
--         element where it was there already, '' where it is new: then the caller knows it}
--        {'NOT_FOUND'}  {'EXISTS'}  {'CONFLICT', current version}  {'ID_TAKEN', which message, from 1}
--        {'FULL', how many messages the thread would hold, or where the oldest are trimmed how many are new}
-- Cost: the same at any length of the thread.

local owner, id, expected, mode, epoch = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local most, overflow, inline = tonumber(ARGV[6]), ARGV[7], tonumber(ARGV[8])
local FIRST = 13
local count = (#ARGV - FIRST + 1) / 3
local at = now()

local thread = load(at)
local created = not thread
if thread and mode == 'new' then
  return {'EXISTS'}
end
if created then
  if mode == '' then
    return {'NOT_FOUND'}
  end
  thread = {epoch = epoch, seq = 0, base = 0, version = 0, updated = 0, expires = 0, kept = 0, ttl = tonumber(ARGV[9]),
    edits = 0, removed = 0}
end

-- Which messages are there already? A batch may also name one message twice.
local stored = {}
if thread.seq > thread.base then
  for from = 1, count, 1000 do
    local ids = {}
    for j = from, math.min(from + 999, count) do
      ids[#ids + 1] = ARGV[FIRST + (j - 1) * 3]
    end
    local seqs = redis.call('HMGET', IDS, unpack(ids))
    for j = 1, #ids do
      stored[from + j - 1] = seqs[j] and tonumber(seqs[j])
    end
  end
end

-- An element is <seq>:<microseconds>:<type>:<length of the id>:<id><body>.
local function same(element, kind, body)
  local k, length, from = string.match(element, '^%d+:%d+:(%a):(%d+):()')
  return k == kind and string.sub(element, from + length) == body
end

local reply = {'OK', thread.epoch, 0, int(at)}
local fresh, letters, pairs_of_ids, first = {}, {}, {}, {}
for j = 1, count do
  local mid, kind, body = ARGV[FIRST + (j - 1) * 3], ARGV[FIRST + (j - 1) * 3 + 1], ARGV[FIRST + (j - 1) * 3 + 2]
  local there, element = stored[j], nil
  if there then
    element = redis.call('LINDEX', MESSAGES, int(there - thread.base - 1)) -- false where Redis has evicted the list
  end
  if not element and first[mid] then
    there = thread.seq + first[mid]
    element = fresh[first[mid]]
  end
  if element then
    if not same(element, kind, body) then
      return {'ID_TAKEN', j}
    end
    reply[3] = reply[3] + 1
    reply[3 + j * 2], reply[4 + j * 2] = there, element
  else
    local seq = thread.seq + #fresh + 1
    fresh[#fresh + 1] = int(seq) .. ':' .. reply[4] .. ':' .. kind .. ':' .. #mid .. ':' .. mid .. body
    pairs_of_ids[#pairs_of_ids + 1] = mid
    pairs_of_ids[#pairs_of_ids + 1] = int(seq)
    letters[kind] = (letters[kind] or 0) + 1
    first[mid] = #fresh
    reply[3 + j * 2], reply[4 + j * 2] = seq, ''
  end
end

-- A repetition succeeds even with an old expectation: it is the retry of a call whose answer was lost.
if not created and count > 0 and #fresh == 0 then
  return reply
end
if expected ~= '' and tonumber(expected) ~= thread.version then
  return {'CONFLICT', thread.version}
end
local held = thread.seq - thread.base - thread.removed + #fresh
if held > most and (overflow ~= 'trim' or #fresh > most) then
  return {'FULL', overflow == 'trim' and #fresh or held}
end

if created then
  create(owner, id, epoch, at, ARGV[9], ARGV[10], ARGV[11], ARGV[12])
end

local anew = created or thread.seq - thread.base == thread.removed -- without a message it has no key of their ids
if #fresh > 0 then
  local length
  for from = 1, #fresh, 1000 do
    length = redis.call('RPUSH', MESSAGES, unpack(fresh, from, math.min(from + 999, #fresh)))
  end
  anew = anew or length == #fresh
  thread.seq = thread.seq + #fresh
  if length ~= thread.seq - thread.base then
    mend(thread, epoch, length)
    reply[2], anew = epoch, true
  end
  for from = 1, #pairs_of_ids, 1000 do
    redis.call('HSET', IDS, unpack(pairs_of_ids, from, math.min(from + 999, #pairs_of_ids)))
  end
  for kind, n in pairs(letters) do
    redis.call('HINCRBY', RECORD, kind, n)
  end
  trim(thread, most)
end

changed(thread, id, at, anew)
local told
if #fresh == 1 and #fresh[1] <= inline then
  told = fresh[1]
end
announce(created and 'c' or 'u', thread, told)
return reply
