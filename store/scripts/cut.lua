-- How edit.lua cuts off the messages behind a number. Go puts this file between places.lua and it.
--
-- Where all messages go, their places go too. Of a few the places are emptied. Where there are many, and some ahead of them that stay, Redis
-- would do nothing else for long: then the thread is staged as it shall be (store/cut.go), KEYS 10 and 11 are the list and the ids of that,
-- and it only takes the place of what is there.

local MOST_CUT = 1000 -- how many places are emptied at once
local LETTERS = {'H', 'A', 'S', 'T', 'F', 'C', 'O', 'X'}

-- The cut that leaves the messages in counts, by letter, as {live, how many go; counts, how the counts by letter change; from, behind which
-- place it begins, nil where all go; ids of those that go, where they are not staged; staged, up to where they are}.
local function cut_to(counts)
  local plan = {live = 0, counts = {}, ids = {}}
  for i, n in ipairs(redis.call('HMGET', RECORD, unpack(LETTERS))) do
    local k = LETTERS[i]
    plan.counts[k] = (counts[k] or 0) - tonumber(n or 0)
    if k ~= 'X' then
      plan.live = plan.live - plan.counts[k]
    end
  end
  return plan
end

-- The number up to which the thread has just those messages that are put first where all are removed: they stay. So a call that is sent again
-- changes nothing, and a list that is written anew keeps the numbers and cursors of its beginning. put gives id, letter and body of each.
local function kept_by(thread, put)
  local seq, cut, i = thread.base + 1, thread.base, 1
  local first, elements = seq, {}
  local mid, kind, body = put(i)
  while mid and seq <= thread.seq do
    if not elements[seq - first + 1] then
      first, elements = seq, redis.call('LRANGE', MESSAGES, int(seq - thread.base - 1), int(seq - thread.base + 48))
    end
    local element = elements[seq - first + 1]
    local _, last = run_of(element)
    if last then
      seq = last + 1
    else
      local k, size, from = string.match(element, '^%d+:%d+:(%a):(%d+):()')
      if k ~= kind or string.sub(element, from) ~= mid .. body or tonumber(size) ~= #mid then
        break
      end
      cut, seq, i = seq, seq + 1, i + 1
      mid, kind, body = put(i)
    end
  end
  return thread.seq - cut > MOST_CUT and thread.base or cut -- to remove all costs less than to stage what stays
end

-- Plans what cut_off does; of what is staged counts tells how many there are, as 'H=3,A=2', and head the 'epoch:edits:base:seq' of the thread
-- as it was then. Gives the plan, or nil and an answer: {'LONG', ...} where it must be staged, {'SHIFTED'} where what is staged is not what it
-- should be.
local function plan_cut(thread, cut, counts, head)
  if cut == thread.base and thread.seq > cut then
    return cut_to({})
  end
  cut = empty_up_to(thread, cut) -- what is empty already stays as it is
  if cut >= thread.seq then
    return {live = 0, counts = {}, ids = {}}
  elseif counts ~= '' then
    local seq = tonumber(string.match(head, '%d+$'))
    local is = thread.epoch .. ':' .. int(thread.edits) .. ':' .. int(thread.base) .. ':' .. int(seq)
    if head ~= is or redis.call('LLEN', KEYS[10]) ~= seq - thread.base or thread.seq - seq > MOST_CUT then
      return nil, {'SHIFTED'}
    end
    local stay = {X = 0}
    for k, n in string.gmatch(counts, '(%a)=(%d+)') do
      stay[k] = tonumber(n)
    end
    stay.X = stay.X + thread.seq - cut
    local plan = cut_to(stay)
    plan.staged, plan.from = seq, cut
    return plan
  elseif thread.seq - cut > MOST_CUT then
    return nil, {'LONG', cut}
  end
  local plan = {live = 0, counts = {X = thread.seq - cut}, ids = {}, from = cut}
  for _, element in ipairs(redis.call('LRANGE', MESSAGES, int(cut - thread.base), -1)) do
    local k, size, behind = string.match(element, '^%d+:%d+:(%a):(%d+):()')
    if k ~= 'X' then
      plan.live = plan.live + 1
      plan.ids[plan.live] = string.sub(element, behind, behind + size - 1)
    end
    plan.counts[k] = (plan.counts[k] or 0) - 1
  end
  return plan
end

-- Does what was planned. The caller counts, and has the keys of the thread get their expiries anew.
local function cut_off(thread, plan, at)
  local cut = plan.from
  if not cut then
    redis.call('UNLINK', IDS)
    shed(thread, thread.seq)
  elseif plan.staged then
    redis.call('UNLINK', MESSAGES, IDS)
    redis.call('RENAME', KEYS[10], MESSAGES)
    if redis.call('EXISTS', KEYS[11]) == 1 then
      redis.call('RENAME', KEYS[11], IDS)
    end
    if plan.staged < thread.seq then
      push_empty(thread, plan.staged + 1, at)
    end
    local from = reach(thread, cut + 1, thread.seq)
    mark(thread, from, from, thread.seq)
    mark(thread, thread.seq, from, thread.seq)
  else
    redis.call('LTRIM', MESSAGES, 0, int(cut - thread.base - 1))
    push_empty(thread, cut + 1, at)
    redis.call('HDEL', IDS, unpack(plan.ids))
  end
end
