-- Makes a thread of messages that stage.lua has brought. KEYS 10 and 11 are the list and the ids of these.
--
-- ARGV: 1 owner, 2 thread id, 3 epoch, 4 the number of the last message, 5 that of the last one trimmed, 6 TTL in seconds, 7 relevance,
--       8 context, 9 metadata, then two for each other field of the record.
-- Reply: {'OK'}  {'EXISTS'}  {'LOST'} where not all messages are there

local owner, id, epoch = ARGV[1], ARGV[2], ARGV[3]
local at = now()
if load(at) then
  return {'EXISTS'}
end
local thread = {epoch = epoch, seq = tonumber(ARGV[4]), base = tonumber(ARGV[5]), version = 0, updated = 0, expires = 0, kept = 0,
  ttl = tonumber(ARGV[6]), edits = 0, removed = 0}
if redis.call('LLEN', KEYS[10]) ~= thread.seq - thread.base then
  return {'LOST'}
end
create(owner, id, epoch, at, ARGV[6], ARGV[7], ARGV[8], ARGV[9])
redis.call('HSET', RECORD, 'base', ARGV[5])
if #ARGV > 9 then
  redis.call('HSET', RECORD, unpack(ARGV, 10))
end
for staged, key in pairs({[KEYS[10]] = MESSAGES, [KEYS[11]] = IDS}) do
  if redis.call('EXISTS', staged) == 1 then
    redis.call('RENAME', staged, key)
  end
end
changed(thread, id, at, true)
announce('c', thread)
return {'OK'}
