-- stream_consume(id, n) -> 1 when a worker was told, 0 when none has opened the stream, or it died
--
-- The first `n` items of a streaming task were consumed: its worker may go on.
--
-- Refuses: nothing.  The stream of a task that is over is passed over.
-- Writes:  stream.

transition('stream_consume', DRAINS, function(ns, args)
  local id, n = args[1], args[2]
  return call('HEXISTS', key.task(ns), id) == 1 and act.consumed(ns, id, n) or 0
end)
