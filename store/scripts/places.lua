-- What edit.lua does with the places of a list. Go puts this file between lib.lua and it.
--
-- An empty place tells from where to where all are empty (store/element.go), so that readers step over them. The first and the last of a
-- run say exactly how far it goes, those between at least something true: so two runs become one by changing their ends alone.

-- The run that an element tells of; nil for a message.
local function run_of(element)
  local first, last = string.match(element, '^%d+:%d+:X:0:(%d+)%-(%d+)$')
  return tonumber(first), tonumber(last)
end

local function element_at(thread, seq)
  return redis.call('LINDEX', MESSAGES, int(seq - thread.base - 1))
end

-- How far the empty places go that some will be part of which are about to become empty.
local function reach(thread, first, last)
  local from, to
  if first - 1 > thread.base then
    from = run_of(element_at(thread, first - 1))
  end
  if last < thread.seq then
    local _, right = run_of(element_at(thread, last + 1))
    to = right
  end
  return math.max(from or first, thread.base + 1), math.min(to or last, thread.seq)
end

-- Has an empty place say how far its run goes.
local function mark(thread, seq, from, to)
  local head = string.match(element_at(thread, seq), '^(%d+:%d+):')
  redis.call('LSET', MESSAGES, int(seq - thread.base - 1), head .. ':X:0:' .. int(from) .. '-' .. int(to))
end

-- Puts empty places behind the last one of the list, up to that of the thread's last number.
local function push_empty(thread, first, at)
  local from = reach(thread, first, thread.seq)
  local tail = ':' .. int(at) .. ':X:0:' .. int(from) .. '-' .. int(thread.seq)
  for start = first, thread.seq, 1000 do
    local empty = {}
    for seq = start, math.min(start + 999, thread.seq) do
      empty[#empty + 1] = int(seq) .. tail
    end
    redis.call('RPUSH', MESSAGES, unpack(empty))
  end
  if from < first then
    mark(thread, from, from, thread.seq)
  end
end

-- Empties the places of some messages, which are told by their numbers and heads.
local function make_empty(thread, messages)
  table.sort(messages, function(a, b) return a.seq < b.seq end)
  local i = 1
  while i <= #messages do
    local j = i
    while j < #messages and messages[j + 1].seq == messages[j].seq + 1 do
      j = j + 1
    end
    local first, last = messages[i].seq, messages[j].seq
    local from, to = reach(thread, first, last)
    local body = ':X:0:' .. int(from) .. '-' .. int(to)
    for k = i, j do
      redis.call('LSET', MESSAGES, int(messages[k].seq - thread.base - 1), messages[k].head .. body)
    end
    if from < first then
      mark(thread, from, from, to)
    end
    if to > last then
      mark(thread, to, from, to)
    end
    i = j + 1
  end
end

-- The number up to which all places behind a number are empty. Where there are very many runs of them, some are left.
local function empty_up_to(thread, to)
  for _ = 1, 100 do
    local last
    if to < thread.seq then
      _, last = run_of(element_at(thread, to + 1))
    end
    if not last then
      break
    end
    to = math.min(last, thread.seq)
  end
  return to
end

-- Leaves out the empty places at the beginning of the list, up to a number: no reader has to step over them, and they take no memory.
-- Cursors among them hold, see load(). The caller counts them down.
local function shed(thread, to)
  if to == thread.seq then
    redis.call('UNLINK', MESSAGES)
  else
    redis.call('LTRIM', MESSAGES, int(to - thread.base), -1)
  end
  thread.trimmed = thread.trimmed or int(thread.base)
  thread.base = to
  redis.call('HSET', RECORD, 'trimmed', thread.trimmed, 'base', int(to))
end
