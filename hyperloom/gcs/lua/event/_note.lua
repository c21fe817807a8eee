-- act.note(ns, kind, payload)
--
-- Something happened in this job: one entry of its events, a capped stream, from which people
-- are shown what went on (hyperloom/events.py knows the kinds).  Nothing depends on it.  A job
-- whose events were never opened has none: then this costs one look.
--
-- The stream is bounded by its bytes: the oldest entries go.  How many there ever were, the
-- stream itself remembers.

function act.note(ns, kind, payload)
  local events = key.events(ns)
  if not call('XADD', events, 'NOMKSTREAM', '*', kind, payload) then
    return
  end
  local kept = call('INCRBY', key.noted(ns), #payload + code.EVENT_BYTES)
  if kept > code.EVENTS_MOST then
    local oldest, freed = call('XRANGE', events, '-', '+', 'COUNT', code.EVENTS_TRIM + 1), 0
    for i = 1, #oldest - 1 do
      freed = freed + #oldest[i][2][2] + code.EVENT_BYTES
    end
    call('XTRIM', events, 'MINID', oldest[#oldest][1])
    call('DECRBY', key.noted(ns), freed)
  end
end
