-- act.hear_node(ns, node, known) -> whether a node gave up a bundle
--
-- What a node says of its bundles (group/sync.lua); `node` is in hex, as in all books of groups.

local function give_up(ns, group, bundle, node)
  act.tell_holders(ns, group, node)
  for _, other in ipairs(group.created == 1 and { bundle } or group.bundles) do
    other.node, other.held = nil, false
  end
  group.declined, group.since = group.declined + 1, act.now_ms()
end

local function hear(ns, group, node, known)
  local held, given_up, all = false, nil, true
  for k, bundle in ipairs(group.bundles) do
    local word = bundle.node == node and not bundle.held and known[group.id .. (k - 1)]
    if word == 'D' then
      given_up = given_up or bundle
    elseif word == 'H' then
      bundle.held, held = true, true
    end
    all = all and bundle.held
  end
  if given_up then
    give_up(ns, group, given_up, node)
  elseif held and all and group.created == 0 then
    group.created, group.declined = 1, 0
    act.tell_holders(ns, group, node)
  end
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
