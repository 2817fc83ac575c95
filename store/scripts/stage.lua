-- Adds some messages to those of a thread that is being made, where nobody sees them yet. It has keys of its own: 1 the list, 2 the ids.
--
-- ARGV: 1 how many are there already, 2 for how many milliseconds all of it stays if nothing more comes, 3 how many elements follow, then
--       these, and behind them two for each id: the id and its sequence number.
-- Reply: {'OK'}  {'LOST'} where it is not so many

if redis.call('LLEN', KEYS[1]) ~= tonumber(ARGV[1]) then
  return {'LOST'}
end
local elements = tonumber(ARGV[3])
for from = 4, 3 + elements, 1000 do
  redis.call('RPUSH', KEYS[1], unpack(ARGV, from, math.min(from + 999, 3 + elements)))
end
for from = 4 + elements, #ARGV, 1000 do
  redis.call('HSET', KEYS[2], unpack(ARGV, from, math.min(from + 999, #ARGV)))
end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[2])
return {'OK'}
