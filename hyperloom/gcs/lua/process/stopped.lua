-- process_stopped(process) -> the failure for which its tasks were stopped, or nothing
--
-- See process/stops.lua.
--
-- Refuses: nothing.
-- Writes:  nothing.

transition('process_stopped', READS, function(ns, args)
  return call('HGET', key.stopped(ns), args[1])
end)
