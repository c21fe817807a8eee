-- act.lose_bundles(ns, node), act.end_groups(ns, job)
--
-- A node is not a member any more: what it kept is to be kept by others.  A job is over: its
-- groups are.

function act.lose_bundles(ns, node)
  local lost, hex = false, act.hex(node)
  call('HDEL', key.room(ns), node)
  for _, group in ipairs(act.all_groups(ns)) do
    local there = {}
    for _, bundle in ipairs(group.bundles) do
      there[#there + 1] = bundle.node == hex and bundle or nil
    end
    if #there > 0 then
      lost = true
      act.displace(ns, group, there, hex)
      act.put_group(ns, group)
    end
  end
  if lost then
    act.ask_rooms(ns)
  end
end

function act.end_groups(ns, job)
  local hex = act.hex(job)
  for _, group in ipairs(act.all_groups(ns)) do
    if group.job == hex then
      call('HDEL', key.groups(ns), group.id)
      act.tell_holders(ns, group)
    end
  end
end
