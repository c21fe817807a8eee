-- process_stops(process, failure) -> the failure for which its tasks were stopped, or nothing
--
-- What the process submits stops at its first failure: as soon as a result of it is one, all
-- tasks of the process that are not over are cancelled (task/_stop.lua), and become `failure`.
-- Said before it submits any; and again after the last, since the first failure may have come
-- before that.
--
-- Refuses: nothing.
-- Writes:  stops, shut, dropping.

transition('process_stops', FILLS, function(ns, args)
  local process, failure = args[1], args[2]
  if call('EXISTS', key.closed(ns)) == 1 then
    return nil
  end
  call('HSET', key.stops(ns), process, failure)
  local reason = call('HGET', key.stopped(ns), process)
  if reason then
    act.stop(ns, process)
  end
  return reason
end)
