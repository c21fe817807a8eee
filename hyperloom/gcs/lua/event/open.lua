-- event_open(about) -> 1, or 0 when they are open already
--
-- From now on what happens in this job is noted: see event/_note.lua.
--
-- Refuses: nothing.
-- Writes:  events, noted.

transition('event_open', FILLS, function(ns, args)
  if call('EXISTS', key.events(ns), key.closed(ns)) > 0 then
    return 0
  end
  call('XADD', key.events(ns), '*', code.OPENED, args[1])
  call('INCRBY', key.noted(ns), #args[1] + code.EVENT_BYTES)
  return 1
end)
