-- act.answered(ns, process, seq) -> nil, or the answer
--
-- The words of a process are applied once each and in their order: `seq` counts 1, 2, 3, …
-- nil: go on.  0: applied before, or the job is over.  GAP: an earlier call of the process was
-- refused (out of memory) or forgotten (the server lost its last second); nothing after it
-- may overtake it, so the process must say everything from there on again.
function act.answered(ns, process, seq)
  if call('EXISTS', key.closed(ns)) == 1 then
    return 0  -- nobody wants to know any more
  end
  local last = tonumber(call('HGET', key.heard(ns), process) or 0)
  if tonumber(seq) <= last then
    return 0
  elseif tonumber(seq) > last + 1 then
    return refuse('GAP', '%d is the last call heard, not %d', last, seq - 1)
  end
  call('HSET', key.heard(ns), process, seq)
  return nil
end
