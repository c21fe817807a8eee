-- process_bury(process, from, most, failure) -> number to go on from, or 0 when done
--
-- A process is dead, or something detached is released (owner/add.lua): what it held is let go.
-- What it made is found by counting, since ids are its own followed by 1, 2, 3, …; it works in
-- slices of about `most` objects.  Tasks that it submitted run on: they were accepted.  Its
-- streams that wait for it to read on stop at their next item.  With a `failure` it was killed:
-- calls of actors of which it alone wanted a result become that (actor/_forgo.lua), and so do tasks
-- that take what it had not said yet how to make (process/_unsaid.lua).  And words of it may still
-- be on their way, and are not heard any more: nobody would let go of what they make.  What is
-- detached by now is not buried with who was killed as it said that (hyperloom/plan/detached.py).
--
-- Refuses: nothing.  Burying twice is harmless.
-- Writes:  refs, object, contains, holds, heard, homes, stream, owners, record, plans, stops,
--          stopped, shut, dropping, waiters, crowd, and what task/cancel.lua writes.

transition('process_bury', DRAINS, function(ns, args)
  local process, from, most = args[1], tonumber(args[2]), tonumber(args[3])
  local owns = args[4] and call('HGET', key.owners(ns), process)
  if owns and string.sub(owns, 1, 1) == code.DETACHED then
    return 0
  end
  if args[4] and from == 1 and call('EXISTS', key.releasing(ns)) == 1 then
    act.release_next(ns)  -- they may let go of what it has not said yet how to make
    return from
  end
  if from == 1 then
    act.forget_plans(ns, process)
  end
  local count, width = act.made(ns, process)
  local last = math.min(count, from + math.ceil(most / width) - 1)
  local ids = act.task_ids(process, from, last)
  local held, never = act.made_here(ns, ids, width)
  act.abandon(ns, held)
  if args[4] then
    act.forgo(ns, held, args[4])
    act.forget_unsaid(ns, never)
    act.forgo_unsaid(ns, process, ids, args[4])
  end
  act.forsaken(ns, ids)
  if last < count then
    return last + 1
  end
  local borrowed = call('SMEMBERS', key.holds(ns, process))
  table.sort(borrowed)
  call('DEL', key.holds(ns, process))
  act.let_go(ns, borrowed)
  if args[4] then
    act.deafen(ns, process)
  else
    call('HDEL', key.heard(ns), process)
  end
  call('HDEL', key.homes(ns), process)
  for _, name in ipairs({ key.owners(ns), key.stops(ns), key.stopped(ns) }) do
    call('HDEL', name, process)
  end
  call('DEL', key.record(ns, process))
  return 0
end)
