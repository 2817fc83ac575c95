-- Compares some messages of a thread with the index of their ids, and counts them by type.
--
-- ARGV: 1 the thread's epoch, 2 and 3 the first and the last sequence number, at most a few hundred apart, 4 'look' or 'fix'.
-- Reply: {'OK', base, seq, how many ids lead elsewhere or nowhere, how many elements are not as they should be, then eight counts, of
--        the types H A S T F C O and of empty places, X, and how many changes of messages there were}
--        {'MOVED'} where the thread is another one by now
-- Cost: grows with the number of messages asked for, about 1 us each.

local epoch, from, to, fix = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4] == 'fix'
local thread = load(now())
if not thread or thread.epoch ~= epoch then
  return {'MOVED'}
end
from, to = math.max(from, thread.base + 1), math.min(to, thread.seq)
local counts = {H = 0, A = 0, S = 0, T = 0, F = 0, C = 0, O = 0, X = 0}
local stray, malformed, missing = 0, 0, {}
if from <= to then
  local elements = redis.call('LRANGE', MESSAGES, int(from - thread.base - 1), int(to - thread.base - 1))
  local ids = {}
  for i, element in ipairs(elements) do
    local seq, kind, length, behind = string.match(element, '^(%d+):%d+:(%a):(%d+):()')
    if tonumber(seq) ~= from + i - 1 or not counts[kind] then
      malformed = malformed + 1
      ids[i] = ''
    else
      counts[kind] = counts[kind] + 1
      ids[i] = kind == 'X' and '' or string.sub(element, behind, behind + length - 1)
    end
  end
  if #ids > 0 then
    local seqs = redis.call('HMGET', IDS, unpack(ids))
    for i, mid in ipairs(ids) do
      if mid ~= '' and tonumber(seqs[i] or 0) ~= from + i - 1 then
        stray = stray + 1
        missing[#missing + 1] = mid
        missing[#missing + 1] = int(from + i - 1)
      end
    end
  end
  if fix and #missing > 0 then
    redis.call('HSET', IDS, unpack(missing))
    keep(thread, true) -- the hash may be a new key
  end
end
return {'OK', thread.base, thread.seq, stray, malformed, counts.H, counts.A, counts.S, counts.T, counts.F, counts.C, counts.O, counts.X,
  thread.edits}
