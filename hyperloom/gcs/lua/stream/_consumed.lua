-- act.consumed(ns, id, n) -> 1 when a worker was told, else 0
-- act.forsaken(ns, ids)
--
-- How far a streaming task may go on.  The first `n` items of it were consumed; or these tasks,
-- streaming or not, have lost the process that would read them: who makes their items waits
-- for nobody, and learns at the next one that it is not wanted.

local NO_PROCESS = '\0\0\0\0\0\0\0\0\0\0'  -- as wide as a process id; no library while loading

function act.consumed(ns, id, n)
  local row = call('HGET', key.stream(ns), id) or NO_PROCESS
  local process = string.sub(row, 1, code.PROCESS_ID)
  call('HSET', key.stream(ns), id, process .. n)
  if process == NO_PROCESS then
    return 0  -- no worker has opened it yet
  end
  act.tell(ns, process, { code.CONSUMED .. id, n })
  return 1
end

function act.forsaken(ns, ids)
  if call('EXISTS', key.stream(ns)) == 1 then
    for i, row in ipairs(many.hmget(key.stream(ns), ids)) do
      if row then
        act.consumed(ns, ids[i], code.FOR_EVER)
      end
    end
  end
end
