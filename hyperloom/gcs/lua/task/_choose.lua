-- act.choose(ns, queue, entries, wish) -> the first of `entries` that nobody had room for
--
-- Tasks with a wish are ready.  Of the nodes that stand idle each goes to one that is wished for
-- before any other, or to the one with the most room (spread), or with the least that will do
-- (pack).  Whoever steps is one of them.

local function candidates(ns)
  local found, idle, host = {}, call('HGETALL', key.idle(ns)), act.host
  for i = 1, #idle, 2 do
    if not host or host.node ~= idle[i] then
      found[#found + 1] = { node = idle[i], offer = act.offer(idle[i + 1]), given = {} }
    end
  end
  if host then
    found[#found + 1] = { node = host.node, offer = host.offer, given = host.given, steps = true }
  end
  table.sort(found, function(a, b) return a.node < b.node end)
  return found
end

local function rank(offer, fit, wish)
  if wish == 'spread' then
    return fit
  elseif wish == 'pack' then
    return -fit
  end
  return act.comes_first(offer, wish) and 1 or 0
end

local function best(found, queue, wish)
  local chosen, room, needs, highest
  for _, each in ipairs(found) do
    local fit, asked = act.room(each.offer, queue)
    local value = fit > 0 and rank(each.offer, fit, wish)
    if value and (not highest or value > highest) then
      chosen, room, needs, highest = each, fit, asked, value
    end
  end
  return chosen, room, needs
end

function act.choose(ns, queue, entries, wish)
  local found, first = candidates(ns), 1
  while first <= #entries and #entries[first] ~= code.RANGE_ID do
    local chosen, room, needs = best(found, queue, wish)
    if not chosen then
      break
    end
    local entry = entries[first]
    act.seat(chosen.offer, queue, needs, room, 1)
    local records = many.hmget(key.task(ns), { (act.split(entry)) })
    act.give(ns, chosen.node, { entry }, records, chosen.given)
    first = first + 1
  end
  for _, each in ipairs(found) do
    if not each.steps and #each.given > 0 then
      act.send(ns, each.node, each.given)
      act.stand(ns, each.node, each.offer)
    end
  end
  return first
end
