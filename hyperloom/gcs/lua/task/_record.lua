-- act.refs_of(record), act.template(ns, template), act.adopt(ns, parent, ids)
--
-- What Lua reads of a task's record and of its template.  A record's head is described in
-- task/submit.lua; a template's row is "returns,retries,queue", where queue is
-- "priority|shape" and a shape is what a task asks for, such as "CPU:10000,GPU:5000" in
-- 1/10000.  More than that Lua does not understand.

local HEAD = code.TEMPLATE_ID + 6

local NONE = {}  -- nobody adds to it

-- number of inputs, and all refs: the inputs first
function act.refs_of(record)
  local a, b, c, d, e, f = string.byte(record, code.TEMPLATE_ID + 1, HEAD)
  local inputs = (a * 256 + b) * 256 + c
  local all = inputs + (d * 256 + e) * 256 + f
  if all == 0 then
    return 0, NONE
  elseif all == 1 then
    return inputs, { string.sub(record, HEAD + 1, HEAD + code.OBJECT_ID) }
  end
  local refs = string.sub(record, HEAD + 1, HEAD + all * code.OBJECT_ID)
  return inputs, many.cut(refs, code.OBJECT_ID, {})
end

-- the inputs alone
function act.inputs_of(record)
  local a, b, c = string.byte(record, code.TEMPLATE_ID + 1, code.TEMPLATE_ID + 3)
  local inputs = (a * 256 + b) * 256 + c
  if inputs == 0 then
    return NONE
  end
  return many.cut(string.sub(record, HEAD + 1, HEAD + inputs * code.OBJECT_ID), code.OBJECT_ID, {})
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
