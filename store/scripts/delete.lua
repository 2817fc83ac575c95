-- Removes a thread with all that belongs to it.
--
-- ARGV: 1 owner, 2 thread id, 3 expected version or '',
--       4 '' to remove it as it is, 'expired' to remove only what is left of one past its expiry, or else a time in
--       microseconds: remove it only if its last update is earlier (so that a cleanup cannot race a writer).
-- Reply: {'OK'}  {'NOT_FOUND'}  {'CONFLICT', current version}  {'KEPT'} where the guard of ARGV 4 does not let it go

local owner, id, expected, guard = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local at = now()

local thread = load(at)
if guard == 'expired' then
  if thread then
    redis.call('ZADD', EXPIRES, int(thread.expires), id) -- the record decides; an index that differs would be asked forever
    return {'KEPT'}
  end
  local due = redis.call('ZSCORE', EXPIRES, id)
  if not due or score(due) > at then
    return {'NOT_FOUND'}
  end
  -- The record may be gone already; then nobody knows the version, and 0 says so.
  local r = redis.call('HMGET', RECORD, 'epoch', 'version', 'seq', 'edits')
  drop(owner, id)
  announce('x', {epoch = r[1] or '', version = tonumber(r[2] or 0), seq = tonumber(r[3] or 0), edits = tonumber(r[4] or 0)})
  return {'OK'}
end

if not thread then
  return {'NOT_FOUND'}
end
if expected ~= '' and tonumber(expected) ~= thread.version then
  return {'CONFLICT', thread.version}
end
if guard ~= '' and thread.updated >= tonumber(guard) then
  return {'KEPT'}
end
drop(owner, id)
announce('d', thread)
return {'OK'}
