-- act.fit_room(room, needs) -> number, act.use_room(room, needs, times), act.hardest_first(...)
--
-- The arithmetic of rooms: { free = amounts, used = number of the group's bundles there }.

local MOST = 1e6  -- more than that is plenty

-- How often the room has what is needed.
function act.fit_room(room, needs)
  local fit = MOST
  for name, amount in pairs(needs) do
    fit = math.min(fit, math.floor((room.free[name] or 0) / amount))
  end
  return fit
end

function act.use_room(room, needs, times)
  room.used = room.used + times
  for name, amount in pairs(needs) do
    room.free[name] = room.free[name] - times * amount
  end
end

-- The numbers of those that are wanted; who fits into the fewest rooms, and takes most, is first.
function act.hardest_first(wanted, rooms)
  local order, fits, size = {}, {}, {}
  for k, needs in ipairs(wanted) do
    order[k], fits[k], size[k] = k, 0, 0
    for _, room in ipairs(rooms) do
      local fit = act.fit_room(room, needs)
      fits[k] = fits[k] + (fit > 0 and 1 or 0)
      size[k] = size[k] - fit
    end
  end
  table.sort(order, function(a, b)
    if fits[a] ~= fits[b] then
      return fits[a] < fits[b]
    elseif size[a] ~= size[b] then
      return size[a] > size[b]
    end
    return a < b
  end)
  return order
end
