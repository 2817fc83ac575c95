-- Gives what tells which tool calls of a thread wait for their answers. Reads only.
--
-- ARGV: 1 how many places of the list to look at, from its end, 2 how many bytes to give at most
-- Reply: {'OK', epoch, then from the last message on what concerns a call: the element of a message that may ask for some, or of one that
--        answers one, or '=' and the id of the call that is answered, as JSON}  {'NOT_FOUND'}
-- Cost: some 1 us for each place.

local thread = load(now())
if not thread then
  return {'NOT_FOUND'}
end
local reply, bytes = {'OK', thread.epoch}, 0
local elements = redis.call('LRANGE', MESSAGES, int(-tonumber(ARGV[1])), -1)
for i = #elements, 1, -1 do
  local element, told = elements[i], nil
  local kind = string.match(element, '^%d+:%d+:(%a):')
  if kind == 'A' and string.find(element, '"tool_calls":[', 1, true) then
    told = element
  elseif kind == 'T' then
    -- The member stands behind the content, which may have one of that name too; then whoever asks decodes it.
    local _, times = string.gsub(element, '"tool_call_id":', '')
    local id = times == 1 and string.match(element, '"tool_call_id":("[^"\\]*")')
    told = id and '=' .. id or element
  end
  if told then
    bytes = bytes + #told
    if bytes > tonumber(ARGV[2]) then
      break
    end
    reply[#reply + 1] = told
  end
end
return reply
