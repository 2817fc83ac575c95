-- Changes messages that a thread has, and adds others: all steps or none, as one change.
--
-- ARGV: 1 to 12 as append.lua takes them (an expected mode of 'new' is none of ours), then five for each step:
--         'put', id, type letter, body, ''       in the place of the message of that id, or behind the others where there is none
--         'swap', id, type letter, body, old     in the place of the message of that id, if its body is the old one
--         'remove', id, '', '', ''               leaves an empty place, see store/element.go
--         'truncate', number, counts, head, ''   the same with all messages behind that number; ahead of all other steps. Where that is
--                                                all of them, those stay that are there just as they are put next. counts and head are
--                                                '' unless the cut is staged, see cut.lua
-- Reply: {'OK', epoch, how many puts have changed nothing, how many messages were removed, then two for each step: sequence number and
--         element of what was put and has stayed, 0 and '' for others}
--        {'NOT_FOUND'}  {'CONFLICT', current version}  {'FULL', as append.lua}
--        {'MISSING', which step, from 1} where there is no message of the id  {'MOVED', which step} where its body is another one
--        {'LONG', up to which place} where a truncation must be staged  {'SHIFTED'} where what was staged is not what it should be
-- Cost: that of an append, and some us for each message that goes, of a truncation for 1000 at most.

local owner, id, expected, mode, epoch = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local most, overflow, inline = tonumber(ARGV[6]), ARGV[7], tonumber(ARGV[8])
local FIRST, WIDTH = 13, 5
local count = (#ARGV - FIRST + 1) / WIDTH
local KEPT_EDITS = 1000 -- how many changes a listener can be behind (store/edits.go)
local at = now()

local thread = load(at)
local created = not thread
if created then
  if mode == '' then
    return {'NOT_FOUND'}
  end
  thread = {epoch = epoch, seq = 0, base = 0, version = 0, updated = 0, expires = 0, kept = 0, ttl = tonumber(ARGV[9]),
    edits = 0, removed = 0}
end
-- Where Redis has evicted the list there is nothing to change, see mend().
local length = redis.call('LLEN', MESSAGES)
local whole = not created and length == thread.seq - thread.base

-- What is there of the ids that are named, as {seq, arrival as its head has it, letter, body}.
local function split(element)
  local head, k, size, from = string.match(element, '^(%d+:%d+):(%a):(%d+):()')
  return head, k, string.sub(element, from + size)
end
local there = {}
if whole and length > 0 then
  for j = 1, count do
    local mid = ARGV[FIRST + (j - 1) * WIDTH + 1]
    if ARGV[FIRST + (j - 1) * WIDTH] ~= 'truncate' and there[mid] == nil then
      local seq = redis.call('HGET', IDS, mid)
      local element = seq and redis.call('LINDEX', MESSAGES, int(tonumber(seq) - thread.base - 1))
      if element then
        local head, k, body = split(element)
        there[mid] = {seq = tonumber(seq), head = head, letter = k, body = body}
      else
        there[mid] = false
      end
    end
  end
end

-- What becomes of it: of a message that is there the last step counts, and one that is not there is added once.
local cut, counts_of_staged, head_of_staged -- messages behind the number cut go, see cut.lua
local fresh, fresh_by_id, touched, order = {}, {}, {}, {}
local results = {}
for j = 1, count do
  local a = FIRST + (j - 1) * WIDTH
  local step, mid, kind, body, old = ARGV[a], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4]
  if step == 'truncate' then
    cut = math.max(tonumber(mid), thread.base)
    if whole and cut == thread.base then
      cut = kept_by(thread, function(i)
        local b = a + i * WIDTH
        if ARGV[b] == 'put' then
          return ARGV[b + 1], ARGV[b + 2], ARGV[b + 3]
        end
      end)
    end
    counts_of_staged, head_of_staged = kind, body
    results[j] = false
  else
    local now_there = there[mid]
    if now_there and cut and now_there.seq > cut then
      now_there = nil
    end
    local added = fresh_by_id[mid]
    if now_there then
      if not touched[mid] then
        touched[mid] = now_there
        order[#order + 1] = mid
      end
      if step == 'remove' then
        now_there.gone = true
      else
        if step == 'swap' and now_there.body ~= old then
          return {'MOVED', j}
        end
        now_there.gone, now_there.to_letter, now_there.to_body = false, kind, body
      end
      results[j] = step ~= 'remove' and now_there
    elseif step == 'remove' and added then
      added.gone = true
      fresh_by_id[mid] = nil
      results[j] = false
    elseif step ~= 'put' then
      return {'MISSING', j}
    else
      if not added then
        added = {id = mid}
        fresh[#fresh + 1] = added
        fresh_by_id[mid] = added
      end
      added.letter, added.body = kind, body
      results[j] = added
    end
  end
end
local adding = {}
for _, m in ipairs(fresh) do
  if not m.gone then
    adding[#adding + 1] = m
  end
end
local unchanged = 0
for j = 1, count do
  local m = results[j]
  if m and m.head and not m.gone and m.letter == m.to_letter and m.body == m.to_body then
    unchanged = unchanged + 1
  end
end
local changing, removing = {}, {}
for _, mid in ipairs(order) do
  local m = touched[mid]
  if m.gone then
    removing[#removing + 1] = mid
  elseif m.letter ~= m.to_letter or m.body ~= m.to_body then
    changing[#changing + 1] = mid
  end
end

local plan, answer = {live = 0}, nil
if cut and whole then
  plan, answer = plan_cut(thread, cut, counts_of_staged, head_of_staged)
  if not plan and expected ~= '' and tonumber(expected) ~= thread.version then
    return {'CONFLICT', thread.version}
  elseif not plan then
    return answer
  end
end

local function reply()
  local r = {'OK', thread.epoch, unchanged, #removing + plan.live}
  for j = 1, count do
    local m = results[j]
    m = m and not m.gone and m
    r[3 + j * 2] = m and m.seq or 0
    r[4 + j * 2] = m and m.element or ''
  end
  return r
end
for _, mid in ipairs(order) do
  local m = touched[mid]
  m.element = m.head .. ':' .. (m.to_letter or m.letter) .. ':' .. #mid .. ':' .. mid .. (m.to_body or m.body)
end

if #adding + #changing + #removing + plan.live == 0 and not created then
  return reply() -- nothing changes: what was asked for is so already, as behind a lost answer
end
if expected ~= '' and tonumber(expected) ~= thread.version then
  return {'CONFLICT', thread.version}
end
local held = thread.seq - thread.base - thread.removed - #removing - plan.live + #adding
if #adding > 0 and held > most and (overflow ~= 'trim' or #adding > most) then
  return {'FULL', overflow == 'trim' and #adding or held}
end

-- From here on it writes. Counts are changed at the end, once each.
local counts, anew = {}, created
local function count_up(k, n)
  counts[k] = (counts[k] or 0) + n
end
local function note(kind, seq, mid)
  thread.edits = thread.edits + 1
  redis.call('RPUSH', EDITS, int(thread.edits) .. ':' .. int(at) .. ':' .. kind .. ':' .. int(thread.version + 1) .. ':' ..
    int(seq) .. ':' .. mid)
end
local edits_before = thread.edits
if created then
  create(owner, id, epoch, at, ARGV[9], ARGV[10], ARGV[11], ARGV[12])
else
  redis.call('HSET', RECORD, 'seq', int(thread.seq)) -- a full Redis refuses this, before anything has changed
end

if plan.live > 0 then
  cut_off(thread, plan, at)
  for k, n in pairs(plan.counts) do
    count_up(k, n)
  end
  anew = true
  note('T', cut, int(thread.seq))
end
for _, mid in ipairs(changing) do
  local m = touched[mid]
  redis.call('LSET', MESSAGES, int(m.seq - thread.base - 1), m.element)
  count_up(m.letter, -1)
  count_up(m.to_letter, 1)
  note('U', m.seq, mid)
end
if #removing > 0 then
  local messages = {}
  for i, mid in ipairs(removing) do
    local m = touched[mid]
    messages[i] = m
    redis.call('HDEL', IDS, mid)
    count_up(m.letter, -1)
    count_up('X', 1)
    note('D', m.seq, mid)
  end
  make_empty(thread, messages)
  local to = empty_up_to(thread, thread.base)
  if to > thread.base then
    count_up('X', thread.base - to)
    shed(thread, to)
  end
end
if #adding > 0 then
  local elements, ids = {}, {}
  for i, m in ipairs(adding) do
    m.seq = thread.seq + i
    m.element = int(m.seq) .. ':' .. int(at) .. ':' .. m.letter .. ':' .. #m.id .. ':' .. m.id .. m.body
    elements[i] = m.element
    ids[#ids + 1] = m.id
    ids[#ids + 1] = int(m.seq)
    count_up(m.letter, 1)
  end
  local reached
  for from = 1, #elements, 1000 do
    reached = redis.call('RPUSH', MESSAGES, unpack(elements, from, math.min(from + 999, #elements)))
  end
  anew = anew or reached == #elements
  thread.seq = thread.seq + #adding
  if reached ~= thread.seq - thread.base then
    mend(thread, epoch, reached)
    anew = true
  end
  for from = 1, #ids, 1000 do
    redis.call('HSET', IDS, unpack(ids, from, math.min(from + 999, #ids)))
  end
  anew = anew or redis.call('HLEN', IDS) == #adding
end
for k, n in pairs(counts) do
  if n ~= 0 then
    redis.call('HINCRBY', RECORD, k, n)
    if k == 'X' then
      thread.removed = thread.removed + n
    end
  end
end
if thread.edits > edits_before then
  redis.call('HSET', RECORD, 'edits', int(thread.edits))
  redis.call('LTRIM', EDITS, -KEPT_EDITS, -1)
  anew = anew or thread.edits - edits_before == redis.call('LLEN', EDITS)
end
if #adding > 0 then -- where nothing is added nothing is pushed out, even of a thread that is longer than a limit of today allows
  trim(thread, most)
end

changed(thread, id, at, anew)
local told
if #adding == 1 and #adding[1].element <= inline and thread.edits == edits_before then
  told = adding[1].element
end
announce(created and 'c' or 'u', thread, told)
return reply()
