-- act.refs_of(record), act.ref_ids(record), act.inputs_of(record, most), act.label_of(record),
-- act.template(ns, template), act.adopt(ns, parent, ids)
--
-- What Lua reads of a task's record and of its template.  A record's head is described in
-- task/submit.lua; a template's row is "returns,retries,queue", where queue is
-- "priority|shape" and a shape is what a task asks for, such as "CPU:10000,GPU:5000" in
-- 1/10000.  More than that Lua does not understand.

local HEAD = code.TEMPLATE_ID + 6

local NONE = {}  -- nobody adds to it

-- number of inputs, and of all refs
local function counts_of(record)
  local a, b, c, d, e, f = string.byte(record, code.TEMPLATE_ID + 1, HEAD)
  local inputs = (a * 256 + b) * 256 + c
  return inputs, inputs + (d * 256 + e) * 256 + f
end

-- number of inputs, and all refs: the inputs first
function act.refs_of(record)
  local inputs, all = counts_of(record)
  if all == 0 then
    return 0, NONE
  elseif all == 1 then
    return inputs, { string.sub(record, HEAD + 1, HEAD + code.OBJECT_ID) }
  end
  local refs = string.sub(record, HEAD + 1, HEAD + all * code.OBJECT_ID)
  return inputs, many.cut(refs, code.OBJECT_ID, {})
end

-- all refs, one behind the other
function act.ref_ids(record)
  local _, all = counts_of(record)
  return string.sub(record, HEAD + 1, HEAD + all * code.OBJECT_ID)
end

-- the inputs alone; the first `most`, if that is said
function act.inputs_of(record, most)
  local inputs = counts_of(record)
  if inputs == 0 then
    return NONE
  end
  inputs = math.min(inputs, most or inputs)
  return many.cut(string.sub(record, HEAD + 1, HEAD + inputs * code.OBJECT_ID), code.OBJECT_ID, {})
end

-- A task's label, '' if it has none; see hyperloom/specs.py.
function act.label_of(record)
  local _, all = counts_of(record)
  local first = HEAD + all * code.OBJECT_ID + 1
  if string.sub(record, first, first) ~= code.LABELLED then
    return ''
  end
  local i, j, k, l = string.byte(record, first + 1, first + 4)
  return string.sub(record, first + 5, first + 4 + ((i * 256 + j) * 256 + k) * 256 + l)
end

function act.template(ns, template)
  local row = call('HGET', key.terms(ns), template)
  if not row then
    return nil
  end
  local returns, retries, queue = string.match(row, '^(%d+),(-?%d+),(.*)$')
  return { returns = tonumber(returns), retries = tonumber(retries), queue = queue }
end

-- The task `parent` ('': none) has submitted these.  When it is over, nobody asks any more.
function act.adopt(ns, parent, ids)
  if parent ~= '' and call('HEXISTS', key.task(ns), parent) == 1 then
    local known = call('HGET', key.children(ns), parent) or ''
    call('HSET', key.children(ns), parent, known .. table.concat(ids))
  end
end
