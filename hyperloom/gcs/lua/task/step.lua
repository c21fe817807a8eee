-- task_step(node, seen, offer, id, attempt, heading, outputs, value..., ...)
--   -> { stale ids, more, entry, record, inputs, ... }
--
-- The whole conversation of a busy node in one call: these tasks of mine are finished, and
-- here is what I have room for.  For each finished task: id, attempt, its record's template and
-- all its refs (concatenated), the number of outputs, and their values.
--
-- `seen` is how many tasks came to the node's inbox so far.  When the node has not read all
-- of them, its offer is out of date and is left aside: `more` is 2, and says that the node is
-- to offer again after reading, since nobody else knows of what it has free.
-- So is the offer of a node that does not take part (node_attach), or was given up for dead:
-- nobody would take back what it claimed.
--
-- Tasks that the node no longer holds for that attempt are answered as stale, and nothing
-- is written about them: the node was given up, and somebody else runs them by now.  If they
-- are over, what was stored for them is freed.  A call that is sent twice is harmless for the
-- same reason.  `more` is 1 while there is a crowd
-- left to wake or to drop, or something to let go of (ref/_slices.lua), or too many cancelled
-- tasks stood in the way: call again, with an offer.
--
-- Refuses: nothing.
-- Writes:  held, task, tries, deaths, children, stream, ready, queues, idle, served, counts,
--          events, noted, and what
--          object/_settle.lua and ref/_count.lua write.

transition('task_step', DRAINS, function(ns, args)
  local node, seen, offer_text = args[1], args[2], args[3]
  local given = {}
  local served = offer_text ~= '' and call('HGET', key.served(ns), node)
  if served == seen then
    act.host = { node = node, offer = act.offer(offer_text), given = given }
  end
  local stale = act.finish(ns, node, args, 4)
  local more = call('EXISTS', key.waking(ns), key.dropping(ns), key.releasing(ns)) > 0 and 1 or 0
  if more == 1 then  -- all are rare
    local left = act.drop_next(ns) + act.release_next(ns)
    more = (left > 0 or call('EXISTS', key.waking(ns)) == 1) and 1 or 0
  end
  local queued = call('EXISTS', key.queues(ns)) == 1
  if act.host then
    local offer = act.host.offer
    if queued then
      act.claim(ns, node, offer, given)
    end
    act.stand(ns, node, offer)
    more = offer.more and 1 or more
  elseif offer_text == '' then
    call('HDEL', key.idle(ns), node)
  end
  if queued then
    act.serve(ns)
  end
  if more == 0 and served and served ~= seen and served ~= code.LOST then
    more = 2
  end
  table.insert(given, 1, more)
  table.insert(given, 1, table.concat(stale))
  return given
end)
