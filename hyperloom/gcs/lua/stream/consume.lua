-- stream_consume(id, n) -> 1 when a worker was told, 0 when none has opened the stream, or it died
--
-- The first `n` items of a streaming task were consumed: its worker may go on.
--
-- Refuses: nothing.  The stream of a task that is over is passed over.
-- Writes:  stream, inbox.

transition('stream_consume', DRAINS, function(ns, args)
  local id, n = args[1], args[2]
  if call('HEXISTS', key.task(ns), id) == 0 then
    return 0
  end
  local row = call('HGET', key.stream(ns), id) or string.rep('\0', code.PROCESS_ID)
  local process = string.sub(row, 1, code.PROCESS_ID)
  call('HSET', key.stream(ns), id, process .. n)
  if call('HEXISTS', key.heard(ns), process) == 0 then
    return 0
  end
  call('RPUSH', key.inbox(ns, process), code.CONSUMED .. id, n)
  return 1
end)
