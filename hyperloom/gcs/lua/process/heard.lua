-- process_heard(process) -> number of its last call applied, or -1 when the job is over
--
-- After a silence a process asks what of its words is still there: a server that was restored
-- from an older state, or emptied, has forgotten some that it had answered.  It is refused when a
-- word would be (a full disk), so whoever waits for better times asks this.
--
-- Refuses: nothing.
-- Writes:  nothing.

transition('process_heard', DRAINS, function(ns, args)
  if call('EXISTS', key.closed(ns)) == 1 then
    return -1
  end
  return act.last(ns, args[1])
end)
