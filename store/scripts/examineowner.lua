-- Looks whether one of the owners of a bucket has threads in it.
--
-- KEYS: 1 to 3 the owner's indexes, 4 owners.
-- ARGV: 1 owner, 2 'look' or 'fix'
-- Reply: {'OK', 1 where there is none, else 0}

if redis.call('EXISTS', KEYS[1], KEYS[2], KEYS[3]) > 0 or redis.call('SISMEMBER', KEYS[4], ARGV[1]) == 0 then
  return {'OK', 0}
end
if ARGV[2] == 'fix' then
  redis.call('SREM', KEYS[4], ARGV[1])
end
return {'OK', 1}
