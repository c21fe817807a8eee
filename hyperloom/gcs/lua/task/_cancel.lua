-- act.cancel(ns, ids, failure, force) -> { state, children, state, children, ... }
--
-- These tasks are not wanted any more: see task/cancel.lua.  What became ready is queued, and
-- not served yet.

-- Who has the task is told to stop it; what nobody has, or only a lost node, joins `unheld`.
local function cancel(ns, id, nodes, force, unheld)
  if call('HEXISTS', key.task(ns), id) == 0 then
    return 'FINISHED'
  end
  local node, lost = act.holder(ns, id, nodes)
  if node and not lost then
    act.tell(ns, node, { code.CANCEL, id, force })
    return 'RUNNING'
  end
  if lost then
    call('HDEL', key.held(ns, node), id)
  end
  unheld[#unheld + 1] = id
  return 'CANCELLED'
end

function act.cancel(ns, ids, failure, force)
  local reply, unheld, seen, rest = {}, {}, {}, {}
  local nodes = call('HGETALL', key.served(ns))
  local unrolled = act.unroll(ns, ids)
  for _, id in ipairs(ids) do
    seen[id] = seen[id] or cancel(ns, id, nodes, force, unheld)
    reply[#reply + 1] = seen[id]
    reply[#reply + 1] = call('HGET', key.children(ns), id) or ''
  end
  if #unheld > 0 then
    local named = {}
    for i, template in ipairs(act.templates(ns, unheld)) do
      named[i] = unheld[i] .. template
    end
    act.note(ns, code.CANCELLED, table.concat(named))
  end
  local blocked = act.first_calls(ns, unheld)
  act.fail(ns, nil, unheld, failure, nil, code.CANCELLED)
  for _, task in ipairs(unrolled) do
    rest[#rest + 1] = not seen[task[2]] and task or nil
  end
  act.push_back(ns, rest)
  act.pass_over(ns, blocked)
  return reply
end
