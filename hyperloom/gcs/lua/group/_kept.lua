-- act.tell_room(ns, node, free, soon, known) -> whether a group waits,
-- act.kept_by(ns, node, known, waits) -> reply
--
-- The parts of group/sync.lua that say what a node has, and what it is to keep.

local GROUP = 8  -- bytes of a group's id

-- What the node does not know of yet is not off what it says is free.
function act.tell_room(ns, id, free, soon, known)
  local node, waits = act.hex(id), false
  local room = { node = node, free = act.units(free), soon = act.units(soon) }
  for _, group in ipairs(act.all_groups(ns)) do
    waits = waits or group.waits
    for k, bundle in ipairs(group.bundles) do
      if bundle.node == node and not known[group.id .. (k - 1)] then
        act.take_room(room, act.units(bundle.needs))
      end
    end
  end
  if not waits then
    call('DEL', key.room(ns))
    return false
  end
  local before = call('HGET', key.room(ns), id)
  act.put_room(ns, room)
  return act.place_groups(ns, call('HGET', key.room(ns), id) ~= before, node)
end

function act.kept_by(ns, node, known, waits)
  local reply, gone, seen = { waits and 1 or 0, '' }, {}, {}
  for _, group in ipairs(act.all_groups(ns)) do
    seen[group.id] = true
    for k, bundle in ipairs(group.bundles) do
      if bundle.node == node then
        reply[#reply + 1] = group.id .. (k - 1)
        reply[#reply + 1] = bundle.needs
        reply[#reply + 1] = group.created == 1 and bundle.held and 1 or 0
        reply[#reply + 1] = code.GROUP_HOLD_MS * 2 ^ math.min(group.declined, 5)
      end
    end
  end
  for bundle in pairs(known) do
    local id = string.sub(bundle, 1, GROUP)
    if not seen[id] then
      seen[id] = true
      gone[#gone + 1] = id
    end
  end
  table.sort(gone)
  reply[2] = table.concat(gone)
  return reply
end
