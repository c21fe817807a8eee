-- task_step(node, seen, offer, n, id, attempt, refs, outputs, value..., ...)
--   -> { stale ids, more, entry, record, inputs, ... }
--
-- The whole conversation of a busy node in one call: these tasks of mine are finished, and
-- here is what I have room for.  For each finished task: id, attempt, the refs that its
-- record holds (concatenated), the number of outputs, and their values.
--
-- `seen` is how many tasks came to the node's inbox so far.  When the node has not read all
-- of them, its offer is out of date and is left aside: it will offer again after reading.
-- So is the offer of a node that does not take part (node_attach), or was given up for dead:
-- nobody would take back what it claimed.
--
-- Tasks that the node no longer holds for that attempt are answered as stale, and nothing
-- is written about them: the node was given up, and somebody else runs them by now.  A call
-- that is sent twice is harmless for the same reason.  `more` is 1 while there is a crowd
-- left to wake, or too many cancelled tasks stood in the way: call again, with an offer.
--
-- Refuses: nothing.
-- Writes:  held, task, tries, deaths, children, object, refs, waiters, wait, ready, queues,
--          idle, served, inbox, and what object/_settle.lua and ref/_count.lua write.

transition('task_step', DRAINS, function(ns, args)
  local node, seen, offer_text = args[1], args[2], args[3]
  local stale = act.finish(ns, node, args, 4)
  local reply = { table.concat(stale), call('EXISTS', key.waking(ns)) }
  if offer_text == '' then
    call('HDEL', key.idle(ns), node)
  elseif call('HGET', key.served(ns), node) == seen then
    local offer = act.offer(offer_text)
    for _, part in ipairs(act.claim(ns, node, offer)) do
      reply[#reply + 1] = part
    end
    act.stand(ns, node, offer)
    reply[2] = offer.more and 1 or reply[2]
  end
  act.serve(ns)
  return reply
end)
