-- Removes the document of a thread that was adopted, where that lies in another slot than the thread, on a cluster.
--
-- KEYS: 1 the document. ARGV: 1 its SHA-1 as it was adopted
-- Reply: {'OK'}  {'GONE'} it was removed before  {'CHANGED'} it is another one by now

local document = redis.call('GET', KEYS[1])
if not document then
  return {'GONE'}
end
if redis.sha1hex(document) ~= ARGV[1] then
  return {'CHANGED'}
end
redis.call('UNLINK', KEYS[1])
return {'OK'}
