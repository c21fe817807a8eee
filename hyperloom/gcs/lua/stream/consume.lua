-- stream_consume(id, n) -> 1 when a worker was told, 0 when none has opened the stream, or it died
--
-- The first `n` items of a streaming task were consumed: its worker may go on.
--
-- Refuses: nothing.  The stream of a task that is over is passed over.
-- Writes:  stream.

local NOBODY = '\0\0\0\0\0\0\0\0\0\0'  -- as wide as a process id; no library while loading

transition('stream_consume', DRAINS, function(ns, args)
  local id, n = args[1], args[2]
  if call('HEXISTS', key.task(ns), id) == 0 then
    return 0
  end
  local row = call('HGET', key.stream(ns), id) or NOBODY
  local process = string.sub(row, 1, code.PROCESS_ID)
  call('HSET', key.stream(ns), id, process .. n)
  if process == NOBODY then
    return 0  -- no worker has opened it yet
  end
  act.tell(ns, process, { code.CONSUMED .. id, n })
  return 1
end)
