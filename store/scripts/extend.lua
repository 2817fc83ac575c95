-- Sets the expiry of a thread to exactly so many seconds from now.
--
-- ARGV: 1 thread id, 2 seconds
-- Reply: {'OK', the expiry in microseconds, as text}  {'NOT_FOUND'}

local id, seconds = ARGV[1], tonumber(ARGV[2])
local at = now()

local thread = load(at)
if not thread then
  return {'NOT_FOUND'}
end
thread.expires = at + seconds * 1000000
redis.call('HSET', RECORD, 'expires', int(thread.expires))
redis.call('ZADD', EXPIRES, int(thread.expires), id)
keep(thread, true)
return {'OK', int(thread.expires)}
