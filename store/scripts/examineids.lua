-- Looks whether ids of messages lead to a message of that id.
--
-- ARGV: 1 the thread's epoch, 2 'look' or 'fix', then the ids.
-- Reply: {'OK', how many lead to none}  {'MOVED'} where the thread is another one by now

local epoch, fix = ARGV[1], ARGV[2] == 'fix'
local thread = load(now())
if not thread or thread.epoch ~= epoch then
  return {'MOVED'}
end
local stray = 0
for i = 3, #ARGV do
  local there = redis.call('HGET', IDS, ARGV[i]) -- false where a writer has trimmed the message meanwhile
  local seq, element, length, behind = tonumber(there or 'none')
  if seq and seq > thread.base then
    element = redis.call('LINDEX', MESSAGES, int(seq - thread.base - 1))
  end
  if element then
    length, behind = string.match(element, '^%d+:%d+:%a:(%d+):()')
  end
  if there and not (length and string.sub(element, behind, behind + length - 1) == ARGV[i]) then
    stray = stray + 1
    if fix then
      redis.call('HDEL', IDS, ARGV[i])
    end
  end
end
return {'OK', stray}
