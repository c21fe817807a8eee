-- act.host_of(ns, actor) -> host or nil, act.keep_host(ns, actor, host), act.hand_over(...)
--
-- An actor's host grants so many calls in all, counted from when the actor opened there; calls
-- are dealt, and held by the node from then on, up to that number.  The `host` row of an actor
-- is  node (8) | "attempt,granted,dealt"; it exists as long as the actor takes calls.

function act.host_of(ns, actor)
  local row = call('HGET', key.host(ns), actor)
  if not row then
    return nil
  end
  local attempt, granted, dealt = string.match(row, '^(%d+),(%d+),(%d+)$', code.NODE_ID + 1)
  return {
    node = string.sub(row, 1, code.NODE_ID),
    attempt = attempt,
    granted = tonumber(granted),
    dealt = tonumber(dealt),
  }
end

function act.keep_host(ns, actor, host)
  local numbers = string.format('%s,%.0f,%.0f', host.attempt, host.granted, host.dealt)
  call('HSET', key.host(ns), actor, host.node .. numbers)
end

-- A message to the host: { CALLS, actor, attempt, calls dealt so far, entry, record, inputs, ... }
function act.hand_over(ns, actor, host, entries, records)
  host.dealt = host.dealt + #entries
  act.keep_host(ns, actor, host)
  local message = { code.CALLS, actor, host.attempt, string.format('%.0f', host.dealt) }
  act.tell(ns, host.node, act.give(ns, host.node, entries, records, message))
end
