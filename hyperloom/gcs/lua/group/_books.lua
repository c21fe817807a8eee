-- act.group_of(id, row) -> group, act.put_group(ns, group), act.all_groups(ns) -> groups,
-- act.tell_holders(ns, group, except)
--
-- A placement group's row is lines of text: strategy | its job in hex, '-' if it is detached |
-- when it was made, and since when it waits for room (ms, server's clock) | when it was last
-- tried to be placed | how often a node declined | 1 once all its bundles were held at a time |
-- its name; then a line for each bundle: what it takes, a blank, and the node that has it, in
-- hex, with '*' behind it once that node says that it holds it; '-' if it has no place.

local FIELDS = { 'strategy', 'job', 'made', 'since', 'tried', 'declined', 'created', 'name' }
local NUMBERS = { made = true, since = true, tried = true, declined = true, created = true }

function act.group_of(id, row)
  local group, at = { id = id, bundles = {} }, 0
  for line in string.gmatch(row, '([^\n]*)\n') do
    at = at + 1
    local name = FIELDS[at]
    if name then
      group[name] = NUMBERS[name] and tonumber(line) or line
    else
      local needs, node, held = string.match(line, '^(%S+) ([%x-]+)(%*?)$')
      local bundle = { needs = needs, node = node ~= '-' and node or nil, held = held == '*' }
      group.bundles[#group.bundles + 1] = bundle
      group.waits = group.waits or not bundle.node
    end
  end
  return group
end

function act.put_group(ns, group)
  local lines = {}
  for i, name in ipairs(FIELDS) do
    lines[i] = NUMBERS[name] and string.format('%.0f', group[name]) or group[name]
  end
  group.waits = false
  for _, bundle in ipairs(group.bundles) do
    local place = (bundle.node or '-') .. (bundle.node and bundle.held and '*' or '')
    lines[#lines + 1] = bundle.needs .. ' ' .. place
    group.waits = group.waits or not bundle.node
  end
  call('HSET', key.groups(ns), group.id, table.concat(lines, '\n') .. '\n')
end

-- In the order in which they were made.
function act.all_groups(ns)
  local rows, groups = call('HGETALL', key.groups(ns)), {}
  for i = 1, #rows, 2 do
    groups[#groups + 1] = act.group_of(rows[i], rows[i + 1])
  end
  table.sort(groups, function(a, b)
    return a.made < b.made or a.made == b.made and a.id < b.id
  end)
  return groups
end

-- The nodes that have bundles of it, but `except`, shall ask what they are to hold (sync.lua).
function act.tell_holders(ns, group, except)
  local told = { [except or ''] = true }
  for _, bundle in ipairs(group.bundles) do
    if bundle.node and not told[bundle.node] then
      told[bundle.node] = true
      act.tell(ns, act.unhex(bundle.node), { code.GROUPS })
    end
  end
end
