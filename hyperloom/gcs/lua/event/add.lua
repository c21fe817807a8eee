-- event_add(kind, payload) -> 'OK'
--
-- What a node has to tell of its attempts; see act.note.  Said twice, it is there twice: who
-- reads takes attempts by their number.
--
-- Refuses: nothing.
-- Writes:  events, noted.

transition('event_add', DRAINS, function(ns, args)
  act.note(ns, args[1], args[2])
  return redis.status_reply('OK')
end)
