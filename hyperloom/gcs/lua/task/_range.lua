-- act.draw(ns, name, most, entries, records) -> number drawn, whether none is left
-- act.range_of(row) -> range, act.range_row(range) -> row
-- act.tasks_in(ns, id) -> how many are left of the range that the task is the first of
--
-- A range is what is left of up to 256 tasks that differ only in one item, and that nobody took
-- yet: one row, under what their ids have in common (all but the last byte).  It is taken from
-- at its first end, by claims, and whatever is taken is a task as any other from then on, with a
-- record and with the books of its output.  Nothing is ever put back, and nothing is taken from
-- the middle: a range of which one task is cancelled is unrolled whole (task/_unroll.lua).
--
-- The row: "first,last,head,takers,wanted,start,step;" then as many bytes of head and takers as
-- it says, then items.  `first` and `last` are the last bytes of the ids that are left; see
-- task/range.lua for the others.

local ROW = '^(%d+),(%d+),(%d+),(%d+),([01]),(%-?%d+),(%-?%d+);()'

function act.range_of(row)
  local first, last, head, takers, wanted, start, step, at = string.match(row, ROW)
  local items = at + head + takers
  return {
    first = tonumber(first), last = tonumber(last), wanted = wanted,
    start = tonumber(start), step = tonumber(step),
    head = string.sub(row, at, at + head - 1), takers = string.sub(row, at + head, items - 1),
    items = string.sub(row, items),
  }
end

function act.range_row(range)
  return string.format(
    '%d,%d,%d,%d,%s,%.0f,%.0f;', range.first, range.last, #range.head, #range.takers,
    range.wanted, range.start, range.step
  ) .. range.head .. range.takers .. range.items
end

function act.tasks_in(ns, id)
  local range = act.range_of(call('HGET', key.range(ns), string.sub(id, 1, code.RANGE_ID)))
  return range.last - range.first + 1
end

-- The next item, which leaves the range.
local function next_item(range, at)
  if range.items == '' then
    range.start = range.start + range.step
    return code.NUMBER .. string.format('%.0f', range.start - range.step), at
  end
  local a, b, c = string.byte(range.items, at, at + 2)
  local size = (a * 256 + b) * 256 + c
  return string.sub(range.items, at + 3, at + 2 + size), at + 3 + size
end

function act.draw(ns, name, most, entries, records)
  local row = call('HGET', key.range(ns), name)
  if not row then
    return 0, true
  end
  local range, at, rows, oids = act.range_of(row), 1, {}, {}
  local drawn = math.min(most, range.last - range.first + 1)
  for i = 1, drawn do
    local id, item, behind = name .. string.char(range.first + i - 1), next_item(range, at)
    at, oids[i] = behind, act.output(id, 0)
    rows[2 * i - 1], rows[2 * i] = id, range.head .. item
    entries[#entries + 1], records[#records + 1] = id, rows[2 * i]
  end
  range.first, range.items = range.first + drawn, string.sub(range.items, at)
  local empty = range.first > range.last
  if empty then
    call('HDEL', key.range(ns), name)
  else
    call('HSET', key.range(ns), name, act.range_row(range))
  end
  many.hset(key.task(ns), rows)
  local _, refs = act.refs_of(range.head)
  act.recount(ns, refs, empty and drawn - 1 or drawn)  -- the range itself holds them once
  act.foresee(ns, oids, range.takers, range.wanted)
  return drawn, empty
end
