-- Gives what tells which tool calls of a thread wait for their answers. Reads only.
--
-- ARGV: 1 how many messages to look at, from the last one on, 2 how many bytes to give at most, 3 how many bytes of messages to look at
-- Reply: {'OK', epoch, then from the last message on what concerns a call: the element of a message that may ask for some, or of one that
--        answers one, or '=' and the id of the call that is answered, as JSON}  {'NOT_FOUND'}
-- Cost: some 1 us for each message.

local STEP = 50 -- how many places are read at once: of the largest messages that is 12 MiB
local most, room, enough = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local thread = load(now())
if not thread then
  return {'NOT_FOUND'}
end

-- What concerns a call in an element, if anything does.
local function told_of(element, kind)
  if kind == 'A' and string.find(element, '"tool_calls":[', 1, true) then
    return element
  elseif kind == 'T' then
    -- The member stands behind the content, which may have one of that name too; then whoever asks decodes it.
    local _, times = string.gsub(element, '"tool_call_id":', '')
    local id = times == 1 and string.match(element, '"tool_call_id":("[^"\\]*")')
    return id and '=' .. id or element
  end
end

local reply = {'OK', thread.epoch}
local seq = thread.seq -- of the next message to look at
while seq > thread.base and most > 0 and enough > 0 do
  local first = math.max(seq - STEP, thread.base) + 1
  local elements = redis.call('LRANGE', MESSAGES, int(first - thread.base - 1), int(seq - thread.base - 1))
  if #elements ~= seq - first + 1 then
    break -- Redis has evicted the list
  end
  while seq >= first and most > 0 and enough > 0 do
    local element = elements[seq - first + 1]
    local kind = string.match(element, '^%d+:%d+:(%a):')
    if kind == 'X' then -- with it all of its run are empty, see places.lua
      seq = math.min(seq, tonumber(string.match(element, ':X:0:(%d+)%-') or seq)) - 1
    else
      local told = told_of(element, kind)
      if told then
        room = room - #told
        if room < 0 then
          return reply
        end
        reply[#reply + 1] = told
      end
      seq, most, enough = seq - 1, most - 1, enough - #element
    end
  end
end
return reply
