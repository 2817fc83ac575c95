-- Counts the threads of one bucket by the time of their last update, without those past their expiry.
--
-- KEYS: 1 index by update, 2 index by expiry.
-- ARGV: 1 the earliest and 2 the latest time, both included, in microseconds; '-inf' and '+inf' for none.
-- Reply: {'OK', how many}
-- Cost: grows with the number of threads that are past their expiry and not cleared away yet, and with no other.

local updated, expires, low, high = KEYS[1], KEYS[2], ARGV[1], ARGV[2]

local count = redis.call('ZCOUNT', updated, low, high)
local least, most = tonumber(low) or -math.huge, tonumber(high) or math.huge
local past = redis.call('ZCOUNT', expires, '-inf', int(now()))
for from = 0, past - 1, 1000 do
  local ids = redis.call('ZRANGE', expires, from, math.min(from + 999, past - 1))
  local times = redis.call('ZMSCORE', updated, unpack(ids))
  for i = 1, #ids do
    local at = times[i] and score(times[i])
    if at and at >= least and at <= most then
      count = count - 1
    end
  end
end
return {'OK', count}
