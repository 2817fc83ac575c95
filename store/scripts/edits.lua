-- Reads which messages of a thread were changed, and what they are now. Reads only.
--
-- ARGV: 1 the number of the last change that the reader has, 2 how many to read at most, 3 how many bytes of messages are enough
-- Reply: {'OK', epoch, seq, version, edits, the number of the last change that is not kept any more, then two for each change: its entry in
--         the list (store/edits.go), and the element of its message, '' where that was removed or the change is none of a message}
--        {'NOT_FOUND'}

local after, most, enough = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local thread = load(now())
if not thread then
  return {'NOT_FOUND'}
end
local oldest = thread.edits - redis.call('LLEN', EDITS)
local reply = {'OK', thread.epoch, thread.seq, thread.version, thread.edits, oldest}
if after < oldest or after >= thread.edits then
  return reply
end
local bytes = 0
for _, entry in ipairs(redis.call('LRANGE', EDITS, int(after - oldest), int(after - oldest + most - 1))) do
  local kind, seq = string.match(entry, '^%d+:%d+:(%a):%d+:(%d+):')
  local element
  if kind == 'U' and tonumber(seq) > thread.base then -- trimmed ones are gone, and a negative place would count from the end
    element = redis.call('LINDEX', MESSAGES, int(tonumber(seq) - thread.base - 1))
    if element and string.match(element, '^%d+:%d+:(%a):') == 'X' then
      element = nil
    end
  end
  reply[#reply + 1] = entry
  reply[#reply + 1] = element or ''
  bytes = bytes + #(element or '')
  if bytes >= enough then
    break
  end
end
return reply
