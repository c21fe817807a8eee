-- act.accept(ns, queue, got, wanted, entries, records) -> number of tasks, number of cancelled
--   ones, whether anything went back
--
-- Entries that were popped off a queue become tasks to be run: at most `wanted` join `entries`.
-- One of a range stands for several; it stays in front until the range is empty, and so does what
-- stands behind it.

function act.accept(ns, queue, got, wanted, entries, records)
  local open = act.not_shut(ns, got)
  local ids, found, cancelled, back = {}, 0, #got - #open, {}
  got = open
  for i = 1, #got do
    ids[i] = act.split(got[i])
  end
  local rows = many.hmget(key.task(ns), ids)
  for i, entry in ipairs(got) do
    if found == wanted then
      back[#back + 1] = entry
    elseif rows[i] then
      found = found + 1
      entries[#entries + 1], records[#records + 1] = entry, rows[i]
    elseif #entry == code.RANGE_ID then
      local drawn, empty = act.draw(ns, entry, wanted - found, entries, records)
      found = found + drawn
      cancelled = cancelled + (drawn == 0 and 1 or 0)
      back[#back + 1] = not empty and entry or nil
    else
      cancelled = cancelled + 1
    end
  end
  if #back > 0 then
    act.push(ns, 'LPUSH', queue, back)
  end
  return found, cancelled, #back > 0
end
