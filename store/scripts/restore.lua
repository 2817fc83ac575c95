-- Makes a thread of a record and of messages that were put aside, as it was where it was exported. May be repeated.
--
-- KEYS: behind those of the thread 10 the messages put aside and 11 their ids (putaside.lua)
-- ARGV: 1 owner, 2 thread id, 3 'replace' to put it in the place of a thread that is there, 4 how many messages and empty places were put
--       aside, 5 how many of them are messages, 6 an epoch for a thread that takes the place of one with the epoch of the record,
--       7 how many fields of the record follow, in pairs; then the changes of its messages (store/edits.go)
-- Reply: {'OK'}  {'REPLACED'}  {'SAME'} this very thread is there, as of the same change  {'EXISTS'} another one is
--        {'EXPIRED'} its time has come  {'LOST'} not all that was put aside is there

local owner, id, mode, places, messages = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local names = 2 * tonumber(ARGV[7])
local r = {}
for j = 8, 7 + names, 2 do
  r[ARGV[j]] = ARGV[j + 1]
end
local at = now()
local fresh = {
  epoch = r.epoch, seq = tonumber(r.seq), version = tonumber(r.version), expires = tonumber(r.expires), edits = tonumber(r.edits or 0), kept = 0,
}

local function done(status)
  redis.call('UNLINK', KEYS[10], KEYS[11])
  return {status}
end
local thread = load(at)
if thread and thread.epoch == fresh.epoch and thread.version == fresh.version and thread.updated == tonumber(r.updated) and
  thread.seq == fresh.seq and thread.edits == fresh.edits then
  return done('SAME')
end
if fresh.expires <= at then
  return done('EXPIRED')
end
if thread and mode ~= 'replace' then
  return done('EXISTS')
end
if redis.call('LLEN', KEYS[10]) ~= places or redis.call('HLEN', KEYS[11]) ~= messages then
  return done('LOST')
end

redis.call('SADD', OWNERS, owner) -- the first write is one that a full Redis refuses, see create()
drop(owner, id)
if thread then
  announce('d', thread)
  if thread.epoch == fresh.epoch then
    fresh.epoch = ARGV[6] -- so that no cursor of the other one looks valid
  end
end
if places > 0 then
  redis.call('RENAME', KEYS[10], MESSAGES)
end
if messages > 0 then
  redis.call('RENAME', KEYS[11], IDS)
end
for from = 8, 7 + names, 1000 do
  redis.call('HSET', RECORD, unpack(ARGV, from, math.min(from + 999, 7 + names)))
end
redis.call('HSET', RECORD, 'epoch', fresh.epoch)
for from = 8 + names, #ARGV, 1000 do
  redis.call('RPUSH', EDITS, unpack(ARGV, from, math.min(from + 999, #ARGV)))
end
redis.call('ZADD', UPDATED, r.updated, id)
redis.call('ZADD', EXPIRES, r.expires, id)
redis.call('ZADD', BYID, '0', id)
redis.call('SADD', OWNERS, owner)
keep(fresh, true)
announce('c', fresh)
return {thread and 'REPLACED' or 'OK'}
