-- act.calls_of(ns, actor, node) -> ids, act.lay_to_rest(ns, node, id, failure, template), ...
--
-- An actor is a task that does not end: its constructor is only its beginning.  When it is over,
-- by whatever way (act.fail), its object becomes `failure`, which says of what it died; so do
-- all calls that it had not begun, and its name is free, all in the same transition.  Those that
-- may have run have become something before, or do so later (actor/_leave.lua): then it is
-- not open any more when it is over.

-- The calls of the actor that were dealt to the node, sorted.
function act.calls_of(ns, actor, node)
  local ids, calls = call('HKEYS', key.held(ns, node)), {}
  for i, record in ipairs(many.hmget(key.task(ns), ids)) do
    local template = record and act.template(ns, string.sub(record, 1, code.TEMPLATE_ID))
    if template and template.queue == code.CALL and act.actor_of(record) == actor then
      calls[#calls + 1] = ids[i]
    end
  end
  table.sort(calls)
  return calls
end

local function clear_lanes(ns, actor)
  local calls = {}
  for _, process in ipairs(call('ZRANGE', key.lanes(ns, actor), 0, -1)) do
    local lane = key.lane(ns, actor .. process)
    for _, entry in ipairs(call('LRANGE', lane, 0, -1)) do
      calls[#calls + 1] = string.sub(entry, 1, code.TASK_ID)
    end
    call('DEL', lane)
  end
  call('DEL', key.lanes(ns, actor))
  return calls
end

-- The actor's task is over already; `node` held it, or nobody did.
function act.lay_to_rest(ns, node, actor, failure, template)
  local said = #failure <= code.NOTIFY_MOST and failure or ''
  act.note(ns, code.ACTOR_ENDED, actor .. template .. said)
  local row = call('HGET', key.actor(ns), actor)
  local name = string.sub(row, 2)
  local opened = call('HDEL', key.host(ns), actor) == 1
  call('HDEL', key.actor(ns), actor)
  call('HDEL', key.unavailable(ns), actor)
  call('HDEL', key.bereft(ns), actor)
  call('SREM', key.unordered(ns), actor)
  act.forget_state(ns, actor)
  if name ~= '' then
    call('HDEL', key.name(ns), name)
  end
  if opened and node then
    act.fail(ns, node, act.calls_of(ns, actor, node), failure, false)
  end
  act.fail(ns, nil, clear_lanes(ns, actor), failure, false)
  if node then
    act.tell(ns, node, { code.ACTOR, actor, code.KILL })
  end
  if string.sub(row, 1, 1) == code.DETACHED then
    call('HDEL', key.owners(ns), actor)
    act.let_go(ns, { act.output(actor, 0) })
  end
end

-- Nobody holds these objects any more.  Those that are actors end, in peace: none of them has a
-- call that is not answered, since a call holds its actor.
function act.forsake(ns, oids)
  if #oids == 0 or call('EXISTS', key.actor(ns)) == 0 then
    return
  end
  for _, oid in ipairs(oids) do
    local actor = string.sub(oid, 1, code.TASK_ID)
    if oid == act.output(actor, 0) and call('HEXISTS', key.actor(ns), actor) == 1 then
      local node = act.holder(ns, actor, call('HGETALL', key.served(ns)))
      if node then
        act.tell(ns, node, { code.ACTOR, actor, code.REST })
      end
      act.fail(ns, node, { actor }, code.LOST)
    end
  end
end
