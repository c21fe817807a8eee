-- process_heard(process) -> number of its last call applied; -1 when the job is over, or why
--
-- After a silence a process asks what of its words is still there: a server that was restored
-- from an older state, or emptied, has forgotten some that it had answered.  It is refused when a
-- word would be (a full disk), so whoever waits for better times asks this.  A driver that was not
-- heard of for too long is told why nothing of it is left (job/close.lua).
--
-- Refuses: nothing.
-- Writes:  nothing.

transition('process_heard', DRAINS, function(ns, args)
  local over = call('GET', key.closed(ns))
  if over then
    return over == '' and -1 or over
  end
  local deserted = call('GET', key.deserted(ns))
  if deserted and string.sub(deserted, 1, code.PROCESS_ID) == args[1] then
    return string.sub(deserted, code.PROCESS_ID + 1)
  end
  return act.last(ns, args[1])
end)
