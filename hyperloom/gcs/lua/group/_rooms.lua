-- act.units(text) -> amounts, act.rooms(ns) -> rooms, act.put_room(ns, room), act.unhex(hex),
-- act.take_room(room, needs), act.ask_rooms(ns)
--
-- A node's room is what it could keep for placement groups: "free|soon", amounts that are free,
-- and these with what the tasks that run there have, but no actors, which do not end.  Nodes
-- tell it as long as a group waits (group/sync.lua), so it is never old; when none waits, nothing
-- is known of it.

function act.unhex(hex)
  return (string.gsub(hex, '..', function(byte)
    return string.char(tonumber(byte, 16))
  end))
end

function act.units(text)
  local units = {}
  for name, amount in string.gmatch(text, '([^,:]+):(-?%d+)') do
    units[name] = tonumber(amount)
  end
  return units
end

local function text_of(units)
  local parts = {}
  for name, amount in pairs(units) do
    parts[#parts + 1] = name .. ':' .. string.format('%.0f', amount)
  end
  table.sort(parts)
  return table.concat(parts, ',')
end

-- In the order of the nodes' ids.
function act.rooms(ns)
  local rows, rooms = call('HGETALL', key.room(ns)), {}
  for i = 1, #rows, 2 do
    local free, soon = string.match(rows[i + 1], '^(.*)|(.*)$')
    local node = act.hex(rows[i])
    rooms[#rooms + 1] = { node = node, free = act.units(free), soon = act.units(soon) }
  end
  table.sort(rooms, function(a, b) return a.node < b.node end)
  return rooms
end

function act.put_room(ns, room)
  local row = text_of(room.free) .. '|' .. text_of(room.soon)
  call('HSET', key.room(ns), act.unhex(room.node), row)
end

function act.take_room(room, needs)
  for name, amount in pairs(needs) do
    room.free[name] = (room.free[name] or 0) - amount
    room.soon[name] = (room.soon[name] or 0) - amount
  end
end

-- All nodes shall tell what they have.
function act.ask_rooms(ns)
  call('DEL', key.room(ns))
  local nodes = call('HKEYS', key.nodes(ns))
  table.sort(nodes)
  for _, node in ipairs(nodes) do
    act.tell(ns, node, { code.GROUPS })
  end
end
