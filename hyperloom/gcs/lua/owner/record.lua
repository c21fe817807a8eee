-- owner_record(owner) -> its record, or nothing
--
-- What one must know to take up what is detached (owner/add.lua).
--
-- Refuses: nothing.
-- Writes:  nothing.

transition('owner_record', READS, function(ns, args)
  return call('GET', key.record(ns, args[1]))
end)
