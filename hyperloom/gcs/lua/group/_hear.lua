-- act.hear_node(ns, node, known) -> whether a node gave up a bundle,
-- act.displace(ns, group, bundles, node)
--
-- What a node says of its bundles (group/sync.lua); `node` is in hex, as in all books of groups.

-- These bundles of the group look for another place; all of them, if it was not created yet.
-- `node`, which had them, knows.
function act.displace(ns, group, bundles, node)
  act.tell_holders(ns, group, node)
  for _, bundle in ipairs(group.created == 1 and bundles or group.bundles) do
    bundle.node, bundle.held = nil, false
  end
  group.since = act.now_ms()
end

local function hear(ns, group, node, known)
  local held, given_up, leaves, all = false, nil, {}, true
  for k, bundle in ipairs(group.bundles) do
    local word = bundle.node == node and known[group.id .. (k - 1)]
    if word == 'L' then
      leaves[#leaves + 1] = bundle
    elseif word == 'D' and not bundle.held then
      given_up = given_up or bundle
    elseif word == 'H' and not bundle.held then
      bundle.held, held = true, true
    end
    all = all and bundle.held
  end
  if #leaves > 0 then
    act.displace(ns, group, leaves, node)
  elseif given_up then
    act.displace(ns, group, { given_up }, node)
    group.declined = group.declined + 1
  elseif held and all and group.created == 0 then
    group.created, group.declined = 1, 0
    act.tell_holders(ns, group, node)
  end
  given_up = given_up or #leaves > 0
  if held or given_up then
    act.put_group(ns, group)
  end
  return given_up
end

function act.hear_node(ns, node, known)
  local given_up = false
  for _, group in ipairs(next(known) and act.all_groups(ns) or {}) do
    given_up = hear(ns, group, node, known) or given_up
  end
  return given_up
end
