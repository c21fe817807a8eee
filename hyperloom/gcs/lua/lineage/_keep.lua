-- act.keep_lineage(ns, made) -> refs, act.lineage_of(row)
--
-- How to make again what lies in the stores of nodes alone, and is lost with them.  A task that is
-- over leaves its record in `lineage`, if an output of it lies there, as long as one does or
-- another record leans on it.  Of what it took, small values are held as before.  Large ones may
-- be freed: their makers' records are leant on (`leans` counts by how many), so that they can be
-- made again too.  The row of a task is
--   code.REMAKE "returns,attempt,tries,bytes," for each ref h (held), l (leant on) or -, ";" record
-- or, of one that must not run again, a letter that says why (code.FROM_ACTOR, …), and returns.
--
-- Nothing of this is done for tasks whose results are inline.

local ROW = '^' .. code.REMAKE .. '(%d+),(%d+),(%d+),(%d+),([hl-]*);()'

-- nil for a row that says why not
function act.lineage_of(row)
  local returns, attempt, tries, bytes, marks, at = string.match(row, ROW)
  if returns then
    return {
      returns = tonumber(returns), attempt = tonumber(attempt), tries = tonumber(tries),
      bytes = tonumber(bytes), marks = marks, record = string.sub(row, at),
    }
  end
end

-- Marks for these refs, and the bytes of what is held.  An actor is neither: it would not end.
local function mark(ns, refs)
  local marks, bytes = {}, 0
  local actors = call('EXISTS', key.actor(ns)) == 1
  for i, value in ipairs(many.hmget(key.object(ns), refs)) do
    local id = string.sub(refs[i], 1, code.TASK_ID)
    if value and not act.place(value) then
      marks[i], bytes = 'h', bytes + #value
    elseif not value and actors and call('HEXISTS', key.actor(ns), id) == 1 then
      marks[i] = '-'
    else
      marks[i] = 'l'
      call('HINCRBY', key.leans(ns), id, 1)
    end
  end
  return table.concat(marks), bytes
end

-- `made`: { id, attempt, refs, ... } of tasks that are over and have made something large -> those
-- of their refs that are not held, to be let go of.
function act.keep_lineage(ns, made)
  local refs = {}
  if #made == 0 then
    return refs
  end
  act.bound_lineage(ns)  -- first: of these, no output exists yet
  local ids, rows, order, total = {}, {}, {}, 0
  for i = 1, #made, 3 do
    ids[#ids + 1] = made[i]
  end
  local records, tries = many.hmget(key.task(ns), ids), many.hmget(key.tries(ns), ids)
  for i, id in ipairs(ids) do
    local record, own, marks = records[i], made[3 * i], ''
    local of = act.template(ns, string.sub(record, 1, code.TEMPLATE_ID))
    local why = of.queue == code.CALL and code.FROM_ACTOR or of.retries == 0 and code.NO_RETRIES
    rows[2 * i - 1], rows[2 * i] = id, why and why .. of.returns
    if not why then
      local bytes
      marks, bytes = mark(ns, own)
      bytes = bytes + #record + code.LINEAGE_ROW
      rows[2 * i] = string.format('%s%d,%s,%s,%.0f,%s;', code.REMAKE, of.returns, made[3 * i - 1],
        tries[i] or '0', bytes, marks) .. record
      order[#order + 1], total = id, total + bytes
    end
    for k, oid in ipairs(own) do
      refs[#refs + 1] = string.sub(marks, k, k) ~= 'h' and oid or nil
    end
  end
  many.hset(key.lineage(ns), rows)
  many.rpush(key.lineage_order(ns), order)
  call('INCRBY', key.lineage_bytes(ns), total)
  return refs
end
