-- act.answered(ns, process, seq, count, width) -> nil, or the answer
--
-- The words of a process are applied once each and in their order: `seq` counts 1, 2, 3, …
-- nil: go on.  0: applied before, or the job is over.  GAP: an earlier call of the process was
-- refused (out of memory) or forgotten (the server lost its last second); nothing after it
-- may overtake it, so the process must say everything from there on again.  Or it was killed and
-- is buried: words of an old connection, which it had said again on a new one, may come that late.
--
-- `count` and `width`: how many tasks and puts the process has made at most, and of what
-- width, if it makes some now.  Whoever buries it counts them down.  All three are one row:
-- "seq,count,width".

local NO_MORE = 9007199254740991  -- the number of a last call behind which there is none

local function row_of(ns, process)
  local row = call('HGET', key.heard(ns), process)
  if not row then
    return nil, 0, 1
  end
  local last, count, width = string.match(row, '^(%d+),(%d+),(%d+)$')
  return tonumber(last), tonumber(count), tonumber(width)
end

local function write(ns, process, seq, count, width)
  call('HSET', key.heard(ns), process, string.format('%.0f,%.0f,%.0f', seq, count, width))
end

function act.answered(ns, process, seq, count, width)
  local last, made, widest = row_of(ns, process)
  if not last and call('EXISTS', key.closed(ns)) == 1 then
    return 0  -- nobody wants to know any more
  end
  last, seq = last or 0, tonumber(seq)
  if last == NO_MORE then
    return refuse('GAP', 'process %s is buried', act.hex(process))
  elseif seq <= last then
    return 0
  elseif seq > last + 1 then
    return refuse('GAP', '%d is the last call heard, not %d', last, seq - 1)
  end
  write(ns, process, seq, math.max(made, count or 0), math.max(widest, width or 1))
  return nil
end

-- Whether it was killed, and nothing is heard of it any more.
function act.is_deaf(ns, process)
  return row_of(ns, process) == NO_MORE
end

-- Nothing is heard of it from now on.  Of a job that is over nothing is heard anyway, and nobody
-- would remove the row.
function act.deafen(ns, process)
  if call('EXISTS', key.closed(ns)) == 0 then
    write(ns, process, NO_MORE, 0, 1)
  end
end

-- The process is known and not buried; one of its streaming tasks has so many outputs by now.
function act.widen(ns, process, width)
  local last, made, widest = row_of(ns, process)
  if not last or last == NO_MORE then
    return false
  elseif width > widest then
    write(ns, process, last, made, width)
  end
  return true
end

-- The number of its last call applied.
function act.last(ns, process)
  local last = row_of(ns, process)
  return last ~= NO_MORE and last or 0
end

-- How many tasks and puts, of what width, it has made.
function act.made(ns, process)
  local _, count, width = row_of(ns, process)
  return count, width
end
