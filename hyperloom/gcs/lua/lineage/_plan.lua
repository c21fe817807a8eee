-- act.plan_remake(oid, gone) -> plan, act.obstacle(ns, plan, oid) -> nil, or why and of what
--
-- Which tasks are to run again so that an object exists again: the one that made it, those that
-- made what that one takes and has been lost or freed, and so on.  Nothing is written here: it
-- is done whole (lineage/_remake.lua), or not at all.

-- `gone`: places, concatenated, that do not have `oid`.
function act.plan_remake(oid, gone)
  return { oid = oid, gone = gone, alive = {}, seen = {}, number = 0, order = {} }
end

local function alive(ns, plan, node)
  if plan.alive[node] == nil then
    local served = call('HGET', key.served(ns), node)
    plan.alive[node] = served and served ~= code.LOST or false
  end
  return plan.alive[node]
end

-- Whether the value lies in stores alone, and in none that is left.
function act.is_lost(ns, plan, oid, value)
  local place = act.place(value)
  if not place then
    return false
  end
  local copies = call('HGET', key.copies(ns), oid) or ''
  for _, node in ipairs(many.cut(place .. copies, code.NODE_ID, {})) do
    local has = oid ~= plan.oid or not act.among(plan.gone, node)
    if has and alive(ns, plan, node) then
      return false
    end
  end
  return true
end

-- Whether a task that is not over makes it, or will.
function act.is_made(ns, oid)
  local id = string.sub(oid, 1, code.TASK_ID)
  return call('HEXISTS', key.task(ns), id) == 1 or act.ranged(ns, { id })[id] ~= nil
end

local function why_not(oid, value, row)
  if row then
    return string.sub(row, 1, 1)
  elseif not value then
    return code.FORGOTTEN
  end
  return oid == act.output(string.sub(oid, 1, code.TASK_ID), 0) and code.WAS_PUT or code.STREAMED
end

local function visit(ns, plan, oid, depth)
  local id, value = string.sub(oid, 1, code.TASK_ID), call('HGET', key.object(ns), oid)
  if plan.seen[id] or (value and not act.is_lost(ns, plan, oid, value)) or act.is_made(ns, oid) then
    return nil
  end
  local row = call('HGET', key.lineage(ns), id)
  local lineage = row and act.lineage_of(row)
  if not lineage then
    return why_not(oid, value, row), oid
  end
  local of = act.template(ns, string.sub(lineage.record, 1, code.TEMPLATE_ID))
  if of.retries >= 0 and lineage.tries >= of.retries then
    return code.NO_TRIES, oid
  elseif depth == code.LINEAGE_DEPTH or plan.number == code.LINEAGE_TASKS then
    return code.TOO_DEEP, oid
  end
  plan.seen[id], plan.number = true, plan.number + 1
  local _, refs = act.refs_of(lineage.record)
  for _, ref in ipairs(refs) do
    local why, which = visit(ns, plan, ref, depth + 1)
    if why then
      return why, which
    end
  end
  plan.order[#plan.order + 1] = { id = id, row = row, of = lineage }
end

function act.obstacle(ns, plan, oid)
  return visit(ns, plan, oid, 0)
end
