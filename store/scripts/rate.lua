-- Counts a request of a caller, or tells how long he has to wait for the next one: the generic cell rate algorithm, by the clock of
-- Redis, so that those of the processes need not agree. What it keeps is one time: when the caller will have made up for all that he
-- has sent. https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm
--
-- KEYS: 1 the caller's.
-- ARGV: 1 requests per second; 2 requests at once after a pause, 1 at least.
-- Reply: {'OK', 0}, or {'WAIT', for how many microseconds}: then nothing is counted.

local key, interval, burst = KEYS[1], 1000000 / tonumber(ARGV[1]), tonumber(ARGV[2])

local at = now()
-- Never further ahead than the rule itself leads: the limits may have been others, or the clock of another master.
local due = math.min(math.max(tonumber(redis.call('GET', key) or 0), at), at + burst * interval) + interval
local wait = due - burst * interval - at
if wait > 0 then
  return {'WAIT', math.ceil(wait)}
end
redis.call('SET', key, string.format('%.2f', due), 'PX', int(math.ceil((due - at) / 1000)))
return {'OK', 0}
