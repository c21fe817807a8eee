-- act.woken(ns, ids), act.first_calls(ns, ids) -> lanes, act.pass_over(ns, lanes)
--
-- A lane that waited for its first call goes on: since the call lacks nothing any more, or since
-- nobody wants it.

-- The last missing input of these calls exists: a lane whose first call waited goes on.
function act.woken(ns, ids)
  local records, actors, seen = many.hmget(key.task(ns), ids), {}, {}
  for i, id in ipairs(ids) do
    local actor = records[i] and act.actor_of(records[i])
    local lane = actor and act.is_first(ns, actor, id)
    if lane then
      act.unpark(ns, actor, lane)
      if not seen[actor] then
        seen[actor], actors[#actors + 1] = true, actor
      end
    end
  end
  for _, actor in ipairs(actors) do
    act.deal(ns, actor)
  end
end

-- Which of these tasks are calls for which their lane waits -> { actor, lane } pairs
function act.first_calls(ns, ids)
  local found = {}
  if #ids > 0 and call('EXISTS', key.actor(ns)) == 1 then
    for i, record in ipairs(many.hmget(key.task(ns), ids)) do
      local template = record and act.template(ns, string.sub(record, 1, code.TEMPLATE_ID))
      local actor = template and template.queue == code.CALL and act.actor_of(record)
      local lane = actor and act.is_first(ns, actor, ids[i])
      if lane then
        found[#found + 1] = { actor, lane }
      end
    end
  end
  return found
end

-- They were cancelled: their lanes go on.
function act.pass_over(ns, found)
  for _, lane in ipairs(found) do
    if call('HEXISTS', key.actor(ns), lane[1]) == 1 then
      act.unpark(ns, lane[1], lane[2])
      act.deal(ns, lane[1])
    end
  end
end
