-- act.refs_of(record), act.template(ns, template), act.adopt(ns, parent, ids)
--
-- What Lua reads of a task's record and of its template.  A record's head is described in
-- task/submit.lua; a template's row is "returns,retries,queue", where queue is
-- "priority|shape" and a shape is what a task asks for, such as "CPU:10000,GPU:5000" in
-- 1/10000.  More than that Lua does not understand.

local HEAD = code.TEMPLATE_ID + 6

local function number3(text, at)
  local a, b, c = string.byte(text, at, at + 2)
  return (a * 256 + b) * 256 + c
end

-- number of inputs, and all refs: the inputs first
function act.refs_of(record)
  local inputs = number3(record, code.TEMPLATE_ID + 1)
  local all = inputs + number3(record, code.TEMPLATE_ID + 4)
  if all == 0 then
    return 0, {}
  end
  local refs = string.sub(record, HEAD + 1, HEAD + all * code.OBJECT_ID)
  return inputs, many.cut(refs, code.OBJECT_ID, {})
end

-- the inputs alone
function act.inputs_of(record)
  local inputs, refs = act.refs_of(record)
  for i = #refs, inputs + 1, -1 do
    refs[i] = nil
  end
  return refs
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

-- object id of return number `index` (0 to 2^32 - 1) of a task
function act.output(task, index)
  return task .. string.char(
    math.floor(index / 16777216) % 256,
    math.floor(index / 65536) % 256,
    math.floor(index / 256) % 256,
    index % 256
  )
end

-- An attempt number is kept in the queue as id .. number from the second on, so that a
-- first attempt costs no more than its id
function act.split(entry)
  local attempt = string.sub(entry, code.TASK_ID + 1)
  return string.sub(entry, 1, code.TASK_ID), attempt == '' and '1' or attempt
end

function act.join(id, attempt)
  return tonumber(attempt) > 1 and id .. attempt or id
end

function act.hex(bytes)
  return (string.gsub(bytes, '.', function(c) return string.format('%02x', string.byte(c)) end))
end
