-- act.await(ns, template, ids, unresolved, inputs, ready), act.count_down(ns, tasks)
--
-- How tasks wait for inputs: `wait` counts what a task still lacks, `waiters` lists who
-- lacks an object.  When they are many, the object has a `crowd`, a list that is woken in
-- slices, so that one result with a million readers does not stop the server.

local FEW = (code.CROWD_FROM - 1) * code.TASK_ID

-- `unresolved`: task -> its inputs.  Tasks that turn out to lack nothing go to `ready`.
function act.await(ns, template, ids, unresolved, inputs, ready)
  local here, lackers, missing, waits = {}, {}, {}, {}
  local values = many.hmget(key.object(ns), inputs)
  for i = 1, #inputs do
    here[inputs[i]] = values[i] and true or false
  end
  for _, id in ipairs(ids) do
    local lacks = 0
    for _, oid in ipairs(unresolved[id] or {}) do
      if not here[oid] then
        lacks = lacks + 1
        if not lackers[oid] then
          lackers[oid], missing[#missing + 1] = {}, oid
        end
        table.insert(lackers[oid], id)
      end
    end
    if lacks > 0 then
      waits[#waits + 1] = id
      waits[#waits + 1] = template .. lacks
    elseif unresolved[id] then
      ready[#ready + 1] = id
    end
  end
  many.hset(key.wait(ns), waits)

  local known, grown = many.hmget(key.waiters(ns), missing), {}
  for i, oid in ipairs(missing) do
    local list = known[i] or ''
    if list == code.CROWD or #list + #lackers[oid] * code.TASK_ID > FEW then
      if list ~= code.CROWD then
        many.rpush(key.crowd(ns, oid), many.cut(list, code.TASK_ID, {}))
      end
      many.rpush(key.crowd(ns, oid), lackers[oid])
      list = code.CROWD
    else
      list = list .. table.concat(lackers[oid])
    end
    grown[#grown + 1] = oid
    grown[#grown + 1] = list
  end
  many.hset(key.waiters(ns), grown)
end

-- Each of `tasks` (repeated if it waited for several) lacks one input less.
function act.count_down(ns, tasks)
  local times, distinct = {}, {}
  for _, id in ipairs(tasks) do
    if not times[id] then
      distinct[#distinct + 1] = id
    end
    times[id] = (times[id] or 0) + 1
  end
  local rows, waits, gone, ready = many.hmget(key.wait(ns), distinct), {}, {}, {}
  for i, id in ipairs(distinct) do
    if rows[i] then  -- else it was cancelled meanwhile
      local template = string.sub(rows[i], 1, code.TEMPLATE_ID)
      local lacks = tonumber(string.sub(rows[i], code.TEMPLATE_ID + 1)) - times[id]
      if lacks > 0 then
        waits[#waits + 1] = id
        waits[#waits + 1] = template .. lacks
      else
        gone[#gone + 1] = id
        ready[#ready + 1] = { template, id }
      end
    end
  end
  many.hset(key.wait(ns), waits)
  many.hdel(key.wait(ns), gone)
  act.push_front(ns, ready)
end
