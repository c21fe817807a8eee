-- process_join(process, node) -> 1 if new
--
-- A worker process, which lives on this node, is about to say something.  Whoever finds the
-- node dead finds the process by it (process_list), and buries it.
--
-- Refuses: nothing.  Of a job that is over, or a process that is buried, it is passed over.
-- Writes:  homes.

transition('process_join', FILLS, function(ns, args)
  if call('EXISTS', key.closed(ns)) == 1 or act.is_deaf(ns, args[1]) then
    return 0
  end
  return call('HSET', key.homes(ns), args[1], args[2])
end)
