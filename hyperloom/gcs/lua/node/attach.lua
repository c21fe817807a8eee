-- node_attach(node, first) -> number of tasks served to its inbox so far
--
-- A node takes part in this job: it may hold tasks, and can be told to cancel them.  If it is new
-- here, counting begins at `first` (0 if it is not given): a node that was given up begins above
-- whatever was served to it before, so that it passes over what is still on its way.
--
-- Refuses: NOT_FOUND when the job is over; STALE while the tasks of a node that was given
--          up for dead are being taken from it.
-- Writes:  served.

transition('node_attach', FILLS, function(ns, args)
  if call('EXISTS', key.closed(ns)) == 1 then
    return refuse('NOT_FOUND', 'this job is over')
  end
  if call('HGET', key.served(ns), args[1]) == code.LOST then
    return refuse('STALE', 'node %s was given up for dead', act.hex(args[1]))
  end
  call('HSETNX', key.served(ns), args[1], args[2] or 0)
  return tonumber(call('HGET', key.served(ns), args[1]))
end)
