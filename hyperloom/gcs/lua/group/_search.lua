-- act.search_rooms(wanted, rooms, value) -> which room each of `wanted` goes to, or nil
--
-- Depth first: each bundle goes to the room of the highest value, and if the rest cannot be placed
-- then, to the next.  Rooms that are alike are tried once.  It looks at code.ROOMS_LOOKED rooms at
-- most beyond one look for each bundle and room: of many large groups some ways are left
-- untried, of small ones none.

local function best(s, needs, tried)
  local chosen, highest
  for i, room in ipairs(s.rooms) do
    local fit = tried[i] and 0 or act.fit_room(room, needs)
    local value = fit > 0 and s.value(room.used, fit)
    if value and (not highest or value > highest) then
      chosen, highest = i, value
    end
  end
  s.looks = s.looks - #s.rooms
  return chosen
end

local function has_all(one, other)
  for name, amount in pairs(one.free) do
    if (other.free[name] or 0) ~= amount then
      return false
    end
  end
  return one.used == other.used
end

local function place(s, at)
  local k, tried = s.order[at], {}
  while k and s.looks > 0 do
    local chosen = best(s, s.wanted[k], tried)
    if not chosen then
      return false
    end
    local room = s.rooms[chosen]
    act.use_room(room, s.wanted[k], 1)
    s.places[k] = chosen
    if place(s, at + 1) then
      return true
    end
    act.use_room(room, s.wanted[k], -1)
    for i, other in ipairs(s.rooms) do
      tried[i] = tried[i] or has_all(room, other) and has_all(other, room)
    end
  end
  return not k
end

function act.search_rooms(wanted, rooms, value)
  local s = { wanted = wanted, rooms = rooms, value = value, places = {} }
  s.looks = code.ROOMS_LOOKED + #wanted * #rooms
  s.order = act.hardest_first(wanted, rooms)
  return place(s, 1) and s.places or nil
end
