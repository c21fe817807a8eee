-- group_sync(node, free, soon, bundle, word, bundle, word, ...)
--   -> { waits, gone, bundle, needs, open, patience_ms, ... }
--
-- A node and the control plane agree on what it keeps for placement groups.  It says what room it
-- has (_rooms.lua), and of each bundle that it knows, named by its group's id and its number from 0
-- on: K, it is not held yet, since tasks have what it takes; H, it is held; D, the node gives it
-- up, since they have it for too long; L, the node is to leave, and nothing runs in it.  A group of
-- which a bundle is given up waits again, the whole of it if it was not created yet.
--
-- Answered with what it is to keep from now on; `open` is 1 when tasks may run in it.  `gone`
-- are the groups of those it named that do not exist any more, concatenated.  While `waits` is 1
-- it shall say when it has more room.
-- (Cluster-wide table: its namespace is the cluster's, not a job's.)
--
-- Refuses: STALE when the node is not a member.
-- Writes:  groups, room.

transition('group_sync', DRAINS, function(ns, args)
  local node = args[1]
  if not call('ZSCORE', key.leases(ns), node) then
    return refuse('STALE', 'node %s was given up for dead', act.hex(node))
  end
  local known = {}
  for i = 4, #args, 2 do
    known[args[i]] = args[i + 1]
  end
  if act.hear_node(ns, act.hex(node), known) then
    act.ask_rooms(ns)
  end
  local waits = act.tell_room(ns, node, args[2], args[3], known)
  return act.kept_by(ns, act.hex(node), known, waits)
end)
