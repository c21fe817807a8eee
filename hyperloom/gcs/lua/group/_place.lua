-- act.place_groups(ns, grew, caller) -> whether a group waits
--
-- The bundles that have no place get one, group by group in the order in which the groups were
-- made; of a group all of them or none.  A group that is not placed by what is free, for so long as
-- code.GROUP_PATIENT_MS, may take what tasks have that end some time: else tasks that follow one
-- another would keep it out for ever.  A node that has not told its room is waited for a moment.
-- `grew`: there is room that was not there before; if not, groups are tried now and then.

local function copies(rooms, which, group)
  local found = {}
  for i, room in ipairs(rooms) do
    local copy = { free = {}, used = 0 }
    for name, amount in pairs(room[which]) do
      copy.free[name] = amount
    end
    for _, bundle in ipairs(group.bundles) do
      copy.used = copy.used + (bundle.node == room.node and 1 or 0)
    end
    found[i] = copy
  end
  return found
end

local function try(ns, group, rooms, which)
  local lacking, wanted = {}, {}
  for _, bundle in ipairs(group.bundles) do
    if not bundle.node then
      lacking[#lacking + 1] = bundle
      wanted[#wanted + 1] = act.units(bundle.needs)
    end
  end
  local places = act.choose_nodes(group.strategy, wanted, copies(rooms, which, group))
  for k, at in ipairs(places or {}) do
    local bundle = lacking[k]
    bundle.node, bundle.held = rooms[at].node, false
    act.take_room(rooms[at], wanted[k])
    act.put_room(ns, rooms[at])
  end
  return places
end

local function due(group, grew, now, told)
  local waited = now - group.since
  return (grew or now - group.tried >= code.GROUP_AGAIN_MS)
    and (told or waited >= code.GROUP_AGAIN_MS)
end

function act.place_groups(ns, grew, caller)
  local waits, rooms, now = false, nil, act.now_ms()
  for _, group in ipairs(act.all_groups(ns)) do
    if group.waits then
      rooms = rooms or act.rooms(ns)
      if due(group, grew, now, #rooms >= call('HLEN', key.nodes(ns))) then
        group.tried = now
        local placed = try(ns, group, rooms, 'free')
          or now - group.since >= code.GROUP_PATIENT_MS and try(ns, group, rooms, 'soon')
        act.put_group(ns, group)
        if placed then
          act.tell_holders(ns, group, caller)
        end
      end
      waits = waits or group.waits
    end
  end
  return waits
end
