-- act.not_shut(ns, entries) -> those of which something may be handed out
-- act.shut(ns, spans, failure)
--
-- Very many tasks are cancelled together in two steps.  First they are *shut*: what stands in a
-- queue, or becomes ready, is passed over, so that nothing of them begins.  Then they are dropped,
-- slice by slice (task/_drop.lua).
--
-- A span, 17 bytes, is tasks whose ids have their first 15 bytes in common: these, and the last
-- byte of the first and of the last of them.  `shut` has these 15 alone where a span is all 256
-- tasks; else it has ids, and of a range that ends with them the 15 with two zeros behind them.

local RANGE = '\0\0'

-- Whether all that is left of a range is in the span
function act.in_span(range, span)
  local first, last = string.byte(span, code.RANGE_ID + 1, code.RANGE_ID + 2)
  return range and first <= range.first and last >= range.last
end

local function names_of(span)
  local name = string.sub(span, 1, code.RANGE_ID)
  local first, last = string.byte(span, code.RANGE_ID + 1, code.RANGE_ID + 2)
  if last - first + 1 == code.RANGE_TASKS then
    return { name }
  end
  local ids = { name .. RANGE }
  for n = first, last do
    ids[#ids + 1] = name .. string.char(n)
  end
  return ids
end

function act.not_shut(ns, entries)
  if #entries == 0 or call('EXISTS', key.shut(ns)) == 0 then
    return entries
  end
  local names, open = {}, {}
  for i, entry in ipairs(entries) do
    names[2 * i - 1] = string.sub(entry, 1, code.RANGE_ID)
    names[2 * i] = #entry == code.RANGE_ID and entry .. RANGE or string.sub(entry, 1, code.TASK_ID)
  end
  local known = many.smismember(key.shut(ns), names)
  for i, entry in ipairs(entries) do
    if known[2 * i - 1] + known[2 * i] == 0 then
      open[#open + 1] = entry
    end
  end
  return open
end

-- They are shut, and stand in line to be dropped.
function act.shut(ns, spans, failure)
  local line = {}
  for i, span in ipairs(spans) do
    local names = names_of(span)
    if #names > 1 then
      local row = call('HGET', key.range(ns), string.sub(span, 1, code.RANGE_ID))
      if not (row and act.in_span(act.range_of(row), span)) then
        table.remove(names, 1)
      end
    end
    many.sadd(key.shut(ns), names)
    line[i] = span .. failure
  end
  many.rpush(key.dropping(ns), line)
end

-- It was dropped: whatever becomes of a task of it now, it is a task as any other.
function act.unshut(ns, span)
  many.srem(key.shut(ns), names_of(span))
end
