-- act.remake(ns, plan)
--
-- The tasks of a plan (lineage/_plan.lua) go back into the books, each with its next attempt, one
-- retry less, and all that it takes held again.  `remade` has them until they are over: see
-- lineage/_again.lua.

-- What it made and is not there any more will come again; what nobody wanted goes when it does.
local function expect(ns, plan, one, orphans)
  for index = 0, one.of.returns - 1 do
    local oid = act.output(one.id, index)
    local value = call('HGET', key.object(ns), oid)
    if not value then
      orphans[#orphans + 1] = oid
      orphans[#orphans + 1] = code.NOBODY
    elseif act.is_lost(ns, plan, oid, value) then
      call('HDEL', key.object(ns), oid)
      call('HDEL', key.copies(ns), oid)
    end
  end
end

-- The task holds all that it takes: some of it, its row did already.
local function hold(ns, one, holds)
  local inputs, refs = act.refs_of(one.of.record)
  call('HDEL', key.lineage(ns), one.id)
  call('DECRBY', key.lineage_bytes(ns), one.of.bytes)
  for i, oid in ipairs(refs) do
    local mark = string.sub(one.of.marks, i, i)
    if mark ~= 'h' then
      holds[#holds + 1] = oid
    end
    if mark == 'l' then
      act.lean_less(ns, string.sub(oid, 1, code.TASK_ID))
    end
    refs[i] = i <= inputs and oid or nil
  end
  return refs
end

function act.remake(ns, plan)
  local orphans, holds, tasks, templates = {}, {}, {}, {}
  for _, one in ipairs(plan.order) do
    expect(ns, plan, one, orphans)
    templates[#templates + 1] = string.sub(one.of.record, 1, code.TEMPLATE_ID)
    call('HSET', key.task(ns), one.id, one.of.record)
    call('HSET', key.tries(ns), one.id, one.of.tries + 1)
    call('HSET', key.remade(ns), one.id, 1)
  end
  many.hset(key.refs(ns), orphans)
  for i, one in ipairs(plan.order) do
    tasks[i] = { one.id, templates[i], hold(ns, one, holds), 0, ',' .. one.of.attempt + 1 }
  end
  act.end_lineage(ns)
  act.hold(ns, holds)
  act.count(ns, code.SUBMITTED, templates)
  act.push_front(ns, act.await(ns, tasks))
end
