-- act.choose_nodes(strategy, wanted, rooms) -> which of `rooms` each of `wanted` goes to, or nil
--
-- Bundles, each what it takes, find nodes that have it: all of them, or none.  `rooms` are
-- { free = amounts, used = number of the group's bundles there }; what is taken is taken off.
--   STRICT_PACK    all on one node: the one that has the least left then
--   PACK           so if that can be; else those that are used before others, full ones first
--   STRICT_SPREAD  each on another node
--   SPREAD         so if that can be; else those with the fewest before others, empty ones first
-- The hardest to place are placed first; what does not go on is undone (_search.lua).

local FAR = 1e7  -- above any number of bundles that count in one room

-- What a room is worth that has space for `n` such bundles; nil: it must not be this one.
local VALUE = {
  near = function(used, n) return used > 0 and FAR - n or -n end,
  apart = function(used, n) return used == 0 and n or nil end,
  wide = function(used, n) return n - used * FAR end,
}

local function sum_of(wanted)
  local sum = {}
  for _, needs in ipairs(wanted) do
    for name, amount in pairs(needs) do
      sum[name] = (sum[name] or 0) + amount
    end
  end
  return sum
end

-- The node that takes all, one of those that are used already if there are any.
local function together(wanted, rooms)
  local sum, chosen, least, begun = sum_of(wanted), nil, nil, false
  for _, room in ipairs(rooms) do
    begun = begun or room.used > 0
  end
  for i, room in ipairs(rooms) do
    local n = act.fit_room(room, sum)
    if n > 0 and (not begun or room.used > 0) and (not least or n < least) then
      chosen, least = i, n
    end
  end
  if not chosen then
    return nil
  end
  local places = {}
  for k, needs in ipairs(wanted) do
    act.use_room(rooms[chosen], needs, 1)
    places[k] = chosen
  end
  return places
end

function act.choose_nodes(strategy, wanted, rooms)
  if strategy == 'STRICT_PACK' then
    return together(wanted, rooms)
  elseif strategy == 'STRICT_SPREAD' then
    return act.search_rooms(wanted, rooms, VALUE.apart)
  elseif strategy == 'PACK' then
    return together(wanted, rooms) or act.search_rooms(wanted, rooms, VALUE.near)
  end
  return act.search_rooms(wanted, rooms, VALUE.apart)
    or act.search_rooms(wanted, rooms, VALUE.wide)
end
