-- Puts messages of a thread that is being imported aside, until restore.lua makes a thread of them. May be repeated.
--
-- KEYS: 1 the messages put aside, 2 their ids, both in the thread's slot
-- ARGV: 1 how many were put aside before, 2 for how many milliseconds they wait, then two for each message: id, '' for an empty place, and
--       element (store/element.go)
-- Reply: {'OK'}  {'LOST', how many there are} where what was put aside before is not there

local before, count = tonumber(ARGV[1]), (#ARGV - 2) / 2
local length = redis.call('LLEN', KEYS[1])
if length == before + count then
  return {'OK'} -- a repetition
end
if length ~= before then
  return {'LOST', length}
end
local elements, ids = {}, {}
for j = 3, #ARGV, 2 do
  elements[#elements + 1] = ARGV[j + 1]
  if ARGV[j] ~= '' then
    ids[#ids + 1] = ARGV[j]
    ids[#ids + 1] = string.match(ARGV[j + 1], '^%d+')
  end
end
for from = 1, #elements, 1000 do
  redis.call('RPUSH', KEYS[1], unpack(elements, from, math.min(from + 999, #elements)))
end
for from = 1, #ids, 1000 do
  redis.call('HSET', KEYS[2], unpack(ids, from, math.min(from + 999, #ids)))
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return {'OK'}
