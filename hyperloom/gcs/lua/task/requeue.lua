-- task_requeue(node, failure, most) -> number of tasks that the node still holds
--
-- A node is lost.  What it held goes to the front of the queues with the next attempt, or
-- becomes `failure` when no retry is left; an actor that did not take calls yet becomes
-- code.ACTOR_LOST.  Works in slices of `most` tasks: call until it
-- answers 0.  From the first call on the node's words are stale for what was taken away, and
-- its offers are left aside: until the last call `served` says code.LOST of it.  An actor goes
-- with all calls that it was dealt, which may have run (actor/_lose.lua); so do those of one
-- that was killed there (actor/_leave.lua).
--
-- Refuses: nothing.
-- Writes:  held, idle, served, host, lane, lanes, tries, ready, queues, counts, events, noted, and
--          what task/_fail.lua writes.

transition('task_requeue', DRAINS, function(ns, args)
  local node, failure, most = args[1], args[2], tonumber(args[3])
  call('HDEL', key.idle(ns), node)
  if call('HEXISTS', key.served(ns), node) == 1 then
    call('HSET', key.served(ns), node, code.LOST)
  end
  for _, actor in ipairs(act.hosted(ns, node)) do
    act.lose_with_node(ns, node, actor, failure)
  end
  local all = call('HGETALL', key.held(ns, node))
  local attempts, ids = {}, {}
  for i = 1, #all, 2 do
    attempts[all[i]] = all[i + 1]
    ids[#ids + 1] = all[i]
  end
  table.sort(ids)
  for i = #ids, most + 1, -1 do
    ids[i] = nil
  end

  local records, tries = many.hmget(key.task(ns), ids), many.hmget(key.tries(ns), ids)
  local again, rows, lost, told, gone, templates, calls = {}, {}, {}, {}, {}, {}, {}
  local actors = {}  -- of those that are lost
  for i, id in ipairs(ids) do
    local template = string.sub(records[i], 1, code.TEMPLATE_ID)
    local tried = tonumber(tries[i] or 0) + 1
    local of = act.template(ns, template)
    if of.queue == code.CALL then
      calls[#calls + 1] = id
    elseif of.retries >= 0 and tried > of.retries then
      local kind = call('HEXISTS', key.actor(ns), id) == 1 and actors or lost
      kind[#kind + 1] = id
      told[#told + 1] = id .. template
    else
      again[#again + 1] = { template, act.join(id, tonumber(attempts[id]) + 1) }
      rows[#rows + 1] = id
      rows[#rows + 1] = tried
      gone[#gone + 1] = id
      templates[#gone] = template
    end
  end
  act.count(ns, code.AGAIN, templates)
  if #gone > 0 then
    act.note(ns, code.NODE_LOST, node .. table.concat(gone))
  end
  if #told > 0 then
    act.note(ns, code.NODE_FAILED, node .. table.concat(told))
  end
  many.hset(key.tries(ns), rows)
  many.hdel(key.held(ns, node), gone)
  act.fail(ns, node, lost, failure)
  act.fail(ns, node, actors, code.ACTOR_LOST)
  act.leave(ns, node, calls, true)
  act.push_front(ns, again)
  local left = #all / 2 - #ids
  if left == 0 then
    call('HDEL', key.served(ns), node)
  end
  act.serve(ns)
  return left
end)
