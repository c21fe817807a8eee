-- act.drop_next(ns) -> how many spans are left
--
-- The first span that is shut (task/_shut.lua) is dropped.  All of it ends at once that no node
-- holds; the children of its tasks get into line behind the others.

local SPAN = code.RANGE_ID + 2

-- All that is left of a range ends, without a record for any of it.
local function drop_range(ns, name, range, failure)
  local template, waits = string.sub(range.head, 1, code.TEMPLATE_ID), name .. '\0'
  local named, oids, values, templates = {}, {}, {}, {}
  for n = range.first, range.last do
    local id = name .. string.char(n)
    named[#named + 1], oids[#oids + 1] = id .. template, act.output(id, 0)
    values[#oids], templates[#oids] = failure, template
  end
  act.note(ns, code.CANCELLED, table.concat(named))
  act.count(ns, code.CANCELLED, templates)
  call('HDEL', key.range(ns), name)
  if string.sub(call('HGET', key.wait(ns), waits) or '', -1) == code.RANGE then
    call('HDEL', key.wait(ns), waits)
    act.count(ns, code.WAITING, templates, -1)
  end
  act.foresee(ns, oids, range.takers, range.wanted)
  act.settle(ns, oids, values)
  act.let_go_of(ns, { act.ref_ids(range.head) })
end

-- Ids, one behind the other, as spans.
local function spans_of(text)
  local spans, last = {}, ''
  for _, id in ipairs(many.cut(text, code.TASK_ID, {})) do
    local name, n = string.sub(id, 1, code.RANGE_ID), string.byte(id, -1)
    if n > 0 and last == name .. string.char(n - 1) then
      spans[#spans] = string.sub(spans[#spans], 1, -2) .. string.char(n)
    else
      spans[#spans + 1] = id .. string.char(n)
    end
    last = id
  end
  return spans
end

-- Those of them that are not over.
local function unfinished(ns, ids)
  local ranged, there = act.ranged(ns, ids), {}
  for i, record in ipairs(many.hmget(key.task(ns), ids)) do
    there[#there + 1] = (record or ranged[ids[i]]) and ids[i] or nil
  end
  return there
end

function act.drop_next(ns)
  local text = call('LPOP', key.dropping(ns))
  if not text then
    return 0
  end
  local span, failure = string.sub(text, 1, SPAN), string.sub(text, SPAN + 1)
  local name, ids = string.sub(span, 1, code.RANGE_ID), {}
  local first, last = string.byte(span, code.RANGE_ID + 1, SPAN)
  local row = call('HGET', key.range(ns), name)
  local range = row and act.range_of(row)
  if act.in_span(range, span) then
    drop_range(ns, name, range, failure)
  end
  for n = first, last do
    ids[#ids + 1] = name .. string.char(n)
  end
  local states = act.cancel(ns, unfinished(ns, ids), failure, '0')
  for i = 2, #states, 2 do
    act.shut(ns, spans_of(states[i]), failure)
  end
  act.unshut(ns, span)
  return call('LLEN', key.dropping(ns))
end
