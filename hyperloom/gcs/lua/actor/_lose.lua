-- act.lose_actor(ns, node, id, attempt, begun, unavailable, died, moves)
--   -> 'RESTARTING' or 'DEAD'
-- act.hosted(ns, node) -> actors that are open there, sorted; act.lose_with_node(...)
--
-- The process in which the actor lived is gone.  All calls that were dealt to it are taken back
-- at once, so that its next incarnation, wherever it is, gets each caller's in their order.
-- `begun` (nil: all of them) are those that may have run, concatenated.  Of these, one with a retry
-- left runs again; the others become `unavailable`, which says that they may have run.  Then
-- the constructor goes to the front of its queue, or the actor is over: it becomes `died`.
-- One that `moves` uses up no restart.

local function may_again(ns, id, record)
  local retries = act.template(ns, string.sub(record, 1, code.TEMPLATE_ID)).retries
  local tries = tonumber(call('HGET', key.tries(ns), id) or 0) + 1
  if retries >= 0 and tries > retries then
    return false
  end
  call('HSET', key.tries(ns), id, tries)
  return true
end

function act.lose_actor(ns, node, id, attempt, begun, unavailable, died, moves)
  local calls, back, back_ids, lost = act.calls_of(ns, id, node), {}, {}, {}
  local record = call('HGET', key.task(ns), id)
  local held = many.hmget(key.held(ns, node), calls)
  local again, may_have_run = moves or may_again(ns, id, record), {}
  for _, one in ipairs(begun and many.cut(begun, code.TASK_ID, {}) or calls) do
    may_have_run[one] = true
  end
  call('HDEL', key.host(ns), id)
  for i, record_of in ipairs(many.hmget(key.task(ns), calls)) do
    local ran, one = may_have_run[calls[i]], calls[i]
    if ran and not (again and may_again(ns, one, record_of)) then
      lost[#lost + 1] = one
    elseif again then
      back[#back + 1] = act.join(one, tonumber(held[i]) + (ran and 1 or 0))
      call('HDEL', key.held(ns, node), one)
      back_ids[#back_ids + 1] = ran and one or nil
    end
  end
  act.count(ns, code.AGAIN, act.templates(ns, back_ids))
  act.line_back(ns, id, back)
  act.fail(ns, node, lost, again and unavailable or died, true)
  if call('HEXISTS', key.actor(ns), id) == 0 then  -- nobody but these held it
    return 'DEAD'
  end
  if again then
    call('HDEL', key.held(ns, node), id)
    local template = string.sub(record, 1, code.TEMPLATE_ID)
    act.count(ns, code.AGAIN, { template })
    act.push_front(ns, { { template, act.join(id, tonumber(attempt) + 1) } })
    return 'RESTARTING'
  end
  -- Those that had not begun are the node's still: they become what the actor becomes.
  call('HSET', key.host(ns), id, node .. attempt .. ',0,0')
  act.fail(ns, node, { id }, died)
  return 'DEAD'
end

function act.hosted(ns, node)
  local all, actors = call('HGETALL', key.host(ns)), {}
  for i = 1, #all, 2 do
    if string.sub(all[i + 1], 1, code.NODE_ID) == node then
      actors[#actors + 1] = all[i]
    end
  end
  table.sort(actors)
  return actors
end

-- The node itself is gone: nobody knows what of it ran, and what to say the node left in time.
function act.lose_with_node(ns, node, id, failure)
  local attempt = call('HGET', key.held(ns, node), id)
  local unavailable = call('HGET', key.unavailable(ns), id) or failure
  local bereft = call('HGET', key.bereft(ns), id) or failure
  act.lose_actor(ns, node, id, attempt, nil, unavailable, bereft)
end
