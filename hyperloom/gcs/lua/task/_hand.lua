-- act.enqueue(ns, side, queue, entries)
--
-- Tasks are ready.  If nothing was ready before them, who stands idle gets them at once,
-- without the way through the queue and back; the rest is queued, and served from there.
--
-- In task_step the first to be asked is the caller itself (act.host): what became ready by
-- its own results goes back in the same answer.  A range goes by way of its queue.

-- As many of `entries` as the offer has room for, from number `first` on, go to the node
-- -> the first that did not
local function hand(ns, node, offer, queue, entries, first, given)
  local fit, needs = act.room(offer, queue)
  local most = math.min(fit + (offer.over[queue] or 0), #entries - first + 1)
  if most <= 0 then
    return first
  end
  local ids, chosen = {}, {}
  for i = 1, most do
    local entry = entries[first + i - 1]
    if #entry == code.RANGE_ID then
      most = i - 1
      break
    end
    chosen[i] = entry
    ids[i] = act.split(chosen[i])
  end
  act.seat(offer, queue, needs, fit, most)
  act.give(ns, node, chosen, many.hmget(key.task(ns), ids), given)
  return first + most
end

local function goes_on(entries, first)
  return first <= #entries and #entries[first] ~= code.RANGE_ID
end

local function hand_out(ns, queue, entries)
  local first, host = 1, act.host
  if host then
    first = hand(ns, host.node, host.offer, queue, entries, first, host.given)
  end
  if goes_on(entries, first) then
    act.to_idle(ns, function(each)
      if goes_on(entries, first) then
        first = hand(ns, each.node, each.offer, queue, entries, first, each.given)
      end
    end)
  end
  return first
end

function act.enqueue(ns, side, queue, entries)
  local first, rest, host, wish = 1, {}, act.host, act.wish(queue)
  local rare = #entries > 0 and call('EXISTS', key.queues(ns), key.shut(ns)) > 0
  if rare then
    entries = act.not_shut(ns, entries)
  end
  if wish and call('EXISTS', key.ready(ns, queue)) == 0 then
    first = act.choose(ns, queue, entries, wish)
  elseif #entries > 0 and not (rare and call('EXISTS', key.queues(ns)) == 1) then
    first = hand_out(ns, queue, entries)
  end
  for i = first, #entries do
    rest[#rest + 1] = entries[i]
  end
  if #rest > 0 then
    act.push(ns, side, queue, rest)
    if not host then  -- else task_step claims for its caller first
      act.serve(ns)
    end
  end
end
