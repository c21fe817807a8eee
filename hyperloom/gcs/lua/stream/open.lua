-- stream_open(id, process) -> number of items consumed so far
--
-- The worker `process` makes the items of the streaming task `id` and wants to hear, in its
-- inbox, how far they were consumed (back-pressure).
--
-- Refuses: nothing.  A task that is over is passed over.
-- Writes:  stream.

transition('stream_open', FILLS, function(ns, args)
  local id, process = args[1], args[2]
  if call('HEXISTS', key.task(ns), id) == 0 then
    return 0
  end
  local row = call('HGET', key.stream(ns), id) or ''
  local consumed = string.sub(row, code.PROCESS_ID + 1)
  consumed = consumed == '' and '0' or consumed
  call('HSET', key.stream(ns), id, process .. consumed)
  return tonumber(consumed)
end)
