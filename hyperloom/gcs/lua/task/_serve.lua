-- act.serve(ns), act.to_idle(ns, give)
--
-- What is ready goes to nodes that stand idle.

-- `give(each)` moves to a node, { node, offer, given }, what its offer says; it may be called twice
-- for each.  Who steps makes a new offer just now, and is left out.
--
-- Whoever has room is asked before anybody who would only have tasks at hand.  Else, with two
-- nodes whose room is taken for good, as by actors, and a third that has some:
-- 1. One of the two has a task at hand, sees the third stand idle, and gives the task back.
-- 2. The other of the two gets it, to have it at hand.  And so on, without end.
function act.to_idle(ns, give)
  local standing, idle, host = {}, call('HGETALL', key.idle(ns)), act.host
  for i = 1, #idle, 2 do
    if not host or host.node ~= idle[i] then
      local each = { node = idle[i], offer = act.offer(idle[i + 1]), given = {} }
      local over = each.offer.over
      standing[#standing + 1] = each
      each.offer.over = {}
      give(each)
      each.offer.over = over
    end
  end
  for _, each in ipairs(standing) do
    if next(each.offer.over) then
      give(each)
    end
    if #each.given > 0 then
      act.send(ns, each.node, each.given)
      act.stand(ns, each.node, each.offer)
    end
  end
end

function act.serve(ns)
  if call('EXISTS', key.queues(ns)) == 0 then
    return
  end
  act.to_idle(ns, function(each)
    if call('EXISTS', key.queues(ns)) == 1 then
      act.claim(ns, each.node, each.offer, each.given)
    end
  end)
end
