-- Copies the next of the first messages of a thread, with their ids, to where the thread is being staged as it shall be when it is cut.
--
-- KEYS: behind those of the thread 10 the staged list and 11 the staged ids
-- ARGV: 1 epoch, 2 edits and 3 base that the thread must have, 4 how many are staged already, 5 how many to copy,
--       6 for how many milliseconds all of it stays if nothing more comes
-- Reply: {'OK', how many bytes that were, then two for each letter among them: the letter and how many}
--        {'MOVED'} where the thread is another one by now  {'LOST'} where not so many are staged

local thread = load(now())
local staged, n = tonumber(ARGV[4]), tonumber(ARGV[5])
if not thread or thread.epoch ~= ARGV[1] or thread.edits ~= tonumber(ARGV[2]) or thread.base ~= tonumber(ARGV[3]) then
  return {'MOVED'}
end
local elements = redis.call('LRANGE', MESSAGES, int(staged), int(staged + n - 1))
if redis.call('LLEN', KEYS[10]) ~= staged or #elements ~= n then
  return {'LOST'}
end
local bytes, letters, ids = 0, {}, {}
for i, element in ipairs(elements) do
  local k, size, from = string.match(element, '^%d+:%d+:(%a):(%d+):()')
  letters[k] = (letters[k] or 0) + 1
  if k ~= 'X' then
    ids[#ids + 1] = string.sub(element, from, from + size - 1)
    ids[#ids + 1] = int(thread.base + staged + i)
  end
  bytes = bytes + #element
end
redis.call('RPUSH', KEYS[10], unpack(elements))
for from = 1, #ids, 1000 do
  redis.call('HSET', KEYS[11], unpack(ids, from, math.min(from + 999, #ids)))
end
redis.call('PEXPIRE', KEYS[10], ARGV[6])
redis.call('PEXPIRE', KEYS[11], ARGV[6])
local reply = {'OK', bytes}
for k, count in pairs(letters) do
  reply[#reply + 1] = k
  reply[#reply + 1] = count
end
return reply
