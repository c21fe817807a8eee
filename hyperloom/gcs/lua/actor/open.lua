-- actor_open(node, id, attempt, granted, unavailable, bereft) -> calls dealt to it so far
--
-- The actor's constructor has ended well: it takes calls, `granted` of them in all since it
-- opened.  Said again later, with '' for the two failures, it takes more; or, with 0, no more for
-- now, which a node says before it looks at what it holds.  The failures are what is to be said
-- when the node is lost, and nobody is left who knows: of a call that may have run then, and
-- of the actor, if it does not start again.
--
-- Refuses: STALE when the node does not hold that attempt any more.
-- Writes:  host, held, unavailable, bereft, lane, lanes, turn.

transition('actor_open', DRAINS, function(ns, args)
  local node, id, attempt, granted, unavailable, bereft = unpack(args)
  if call('HGET', key.held(ns, node), id) ~= attempt then
    return refuse('STALE', 'actor %s attempt %s is not held by this node', act.hex(id), attempt)
  end
  local host = act.host_of(ns, id) or { node = node, attempt = attempt, dealt = 0 }
  host.granted = math.max(tonumber(granted), host.dealt)
  act.keep_host(ns, id, host)
  if unavailable ~= '' then
    call('HSET', key.unavailable(ns), id, unavailable)
    call('HSET', key.bereft(ns), id, bereft)
  end
  act.deal(ns, id)
  return act.host_of(ns, id).dealt
end)
