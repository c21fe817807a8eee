-- act.await(ns, tasks), act.lack(ns, oids, lackers)
--
-- How tasks wait for inputs: `wait` counts what a task still lacks, `waiters` lists who
-- lacks an object.  When they are many, the object has a `crowd`, a list that is woken in
-- slices, so that one result with a million readers does not stop the server.  The other
-- end is in task/_count_down.lua.

local FEW = (code.CROWD_FROM - 1) * code.TASK_ID

-- Which of the tasks' inputs exist is looked up.  A task is { id, template, inputs, lacks, mark }:
-- it lacks `lacks` others besides -> { template, entry } of those that turn out to lack nothing.
--
-- A `wait` row ends with the mark, if there is one: code.RANGE of a range, which waits as its first
-- task and is counted by who says so, or ",3" of a task whose next attempt is the third.
function act.await(ns, tasks)
  local inputs, here, lackers, missing, waits, ready = {}, {}, {}, {}, {}, {}
  local texts, waiting = {}, {}  -- numbers as texts: few differ
  for _, task in ipairs(tasks) do
    for _, oid in ipairs(task[3]) do
      inputs[#inputs + 1] = oid
    end
  end
  local values = many.hmget(key.object(ns), inputs)
  for i = 1, #inputs do
    here[inputs[i]] = values[i] and true or false
  end
  for _, task in ipairs(tasks) do
    local id, template, lacks = task[1], task[2], task[4]
    for _, oid in ipairs(task[3]) do
      if not here[oid] then
        lacks = lacks + 1
        if not lackers[oid] then
          lackers[oid], missing[#missing + 1] = {}, oid
        end
        table.insert(lackers[oid], id)
      end
    end
    if lacks > 0 then
      texts[lacks] = texts[lacks] or tostring(lacks)
      local last = #waits
      waits[last + 1], waits[last + 2] = id, template .. texts[lacks] .. (task[5] or '')
      waiting[#waiting + 1] = task[5] ~= code.RANGE and template or nil
    else
      ready[#ready + 1] = { template, act.entry(id, task[5] or '') }
    end
  end
  many.hset(key.wait(ns), waits)
  act.count(ns, code.WAITING, waiting)
  act.lack(ns, missing, lackers)
  return ready
end

-- These objects are lacked by `lackers[oid]`, a list of tasks, besides those that lack them.
function act.lack(ns, oids, lackers)
  local known, grown = many.hmget(key.waiters(ns), oids), {}
  for i, oid in ipairs(oids) do
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
    grown[2 * i - 1], grown[2 * i] = oid, list
  end
  many.hset(key.waiters(ns), grown)
end

-- What stands in the ready queue for a task with this mark.
function act.entry(id, mark)
  if mark == '' then
    return id
  elseif mark == code.RANGE then
    return string.sub(id, 1, code.RANGE_ID)
  end
  return id .. string.sub(mark, 2)
end
