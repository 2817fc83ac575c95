-- Changes fields of a thread's record.
--
-- ARGV: 1 thread id, 2 expected version or '', then three for each field: its name, its value, and '' to set it or else
--       the most bytes that the field may have after the value was put behind what is there, with a comma between.
-- Reply: {'OK', version}  {'NOT_FOUND'}  {'CONFLICT', current version}
--        {'FULL', name of the field, how many bytes it would have}

local id, expected = ARGV[1], ARGV[2]
local at = now()

local thread = load(at)
if not thread then
  return {'NOT_FOUND'}
end
if expected ~= '' and tonumber(expected) ~= thread.version then
  return {'CONFLICT', thread.version}
end

local fields = {}
for j = 3, #ARGV, 3 do
  local name, value, most = ARGV[j], ARGV[j + 1], ARGV[j + 2]
  if most ~= '' then
    local there = redis.call('HGET', RECORD, name)
    if there and #there > 0 then
      value = there .. ',' .. value
    end
    if #value > tonumber(most) then
      return {'FULL', name, #value}
    end
  end
  if name == 'ttl' then
    thread.ttl = tonumber(value)
  end
  fields[#fields + 1] = name
  fields[#fields + 1] = value
end

if #fields > 0 then
  redis.call('HSET', RECORD, unpack(fields))
end
changed(thread, id, at, false)
announce('u', thread)
return {'OK', thread.version}
