-- Finds one message by its id. Reads only.
--
-- ARGV: 1 message id
-- Reply: {'OK', epoch, element}  {'NOT_FOUND'}  {'NO_MESSAGE'} where there is the thread, and not the message

local thread = load(now())
if not thread then
  return {'NOT_FOUND'}
end
local seq = redis.call('HGET', IDS, ARGV[1])
local element = seq and redis.call('LINDEX', MESSAGES, int(tonumber(seq) - thread.base - 1))
if not element then
  return {'NO_MESSAGE'}
end
return {'OK', thread.epoch, element}
