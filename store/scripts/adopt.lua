-- Turns the document of a thread of the replaced service (store/olddocument.go) into a thread, once.
--
-- KEYS: behind those of the thread 10, the key of the document. On a cluster that lies in another slot, and 10 is instead the mark that
--       the thread was deleted a moment ago (store/adopt.go), which keeps a reader of the document who is late from bringing it back.
-- ARGV: 1 owner, 2 thread id, 3 SHA-1 of the document as it was read, 4 'here' where KEYS[10] is the document, or else when it was read, in
--       microseconds, 5 when the document expires, in milliseconds, -1 for never (where it is not here), 6 TTL in seconds,
--       7 how many fields of the record follow, in pairs, but for expires, kept and ttl; then how many messages; then their ids, and
--       then their elements (store/element.go).
-- Reply: {'OK'}  {'SAME'} it was adopted before  {'EXISTS'} the thread is there, with what was written to it here
--        {'GONE'} there is no document  {'CHANGED'} it is another one by now  {'LATE'} read it again
--        {'DELETED'} the thread was deleted a moment ago
-- An adopted thread that nothing was written to since is replaced where the document is another one: the replaced service wrote last.

local owner, id, hash, read, due, ttl = ARGV[1], ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local MOST_LATE = 30 * 1000000
local at = now()

if read == 'here' then
  local document = redis.call('GET', KEYS[10])
  if not document then
    return {'GONE'}
  end
  if redis.sha1hex(document) ~= hash then
    return {'CHANGED'}
  end
  due = redis.call('PEXPIRETIME', KEYS[10])
elseif redis.call('EXISTS', KEYS[10]) == 1 then
  return {'DELETED'}
elseif at - tonumber(read) > MOST_LATE then
  return {'LATE'}
end

local thread = load(at)
if thread then
  local adopted = redis.call('HGET', RECORD, 'adopted')
  if adopted == hash then
    if read == 'here' then
      redis.call('UNLINK', KEYS[10])
    end
    return {'SAME'}
  end
  if not adopted or thread.version > 1 then
    return {'EXISTS'}
  end
end

redis.call('SADD', OWNERS, owner) -- the first write is one that a full Redis refuses, see create()
drop(owner, id)
if thread then
  announce('d', thread)
end
local record, names = {}, 2 * tonumber(ARGV[7])
for j = 8, 7 + names, 2 do
  record[ARGV[j]] = ARGV[j + 1]
end
local count = tonumber(ARGV[8 + names])
local IDS_FROM = 9 + names
local ELEMENTS_FROM = IDS_FROM + count

local fresh = {
  epoch = record.epoch, seq = count, base = 0, version = 1, updated = tonumber(record.updated), kept = 0, ttl = ttl, edits = 0,
  expires = due > 0 and due * 1000 or at + ttl * 1000000,
}
redis.call('HSET', RECORD, 'expires', int(fresh.expires), 'ttl', int(ttl), unpack(ARGV, 8, 7 + names))
for from = 0, count - 1, 1000 do
  local to = math.min(from + 999, count - 1)
  redis.call('RPUSH', MESSAGES, unpack(ARGV, ELEMENTS_FROM + from, ELEMENTS_FROM + to))
  local numbered = {}
  for j = from, to do
    numbered[#numbered + 1] = ARGV[IDS_FROM + j]
    numbered[#numbered + 1] = int(j + 1)
  end
  redis.call('HSET', IDS, unpack(numbered))
end
redis.call('ZADD', UPDATED, record.updated, id)
redis.call('ZADD', EXPIRES, int(fresh.expires), id)
redis.call('ZADD', BYID, '0', id)
redis.call('SADD', OWNERS, owner)
keep(fresh, true)
if read == 'here' then
  redis.call('UNLINK', KEYS[10])
end
announce('c', fresh)
return {'OK'}
