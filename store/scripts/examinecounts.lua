-- Compares the counts by type in a thread's record with those of its messages, which others have counted meanwhile.
--
-- ARGV: 1 the thread's epoch, 2 base and 3 seq as they were when the messages were counted, 4 'look' or 'fix',
--       5 to 12 the counts of the types H A S T F C O and of empty places, X, 13 how many changes of messages there had been.
-- Reply: {'OK', 1 where they differ, else 0}  {'MOVED'} where messages came, went or were changed since they were counted

local thread = load(now())
if not thread or thread.epoch ~= ARGV[1] or thread.base ~= tonumber(ARGV[2]) or thread.seq ~= tonumber(ARGV[3])
  or thread.edits ~= tonumber(ARGV[13]) then
  return {'MOVED'}
end
local names = {'H', 'A', 'S', 'T', 'F', 'C', 'O', 'X'}
local there = redis.call('HMGET', RECORD, unpack(names))
local differ = 0
for i, name in ipairs(names) do
  if tonumber(there[i] or 0) ~= tonumber(ARGV[4 + i]) then
    differ = 1
    if ARGV[4] == 'fix' then
      redis.call('HSET', RECORD, name, ARGV[4 + i])
    end
  end
end
return {'OK', differ}
