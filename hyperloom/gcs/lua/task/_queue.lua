-- act.push(ns, side, queue, entries), act.push_front(ns, ready), act.take(ns, node, offer)
--
-- The ready queues: a list for each "priority|shape", and `queues`, a sorted set of those
-- that may hold something.  Its score puts a higher priority first and, among equals, the
-- queue that was served longest ago, so that no shape starves another.

local TURNS = 2 ^ 32  -- room for the serving order below one step of priority

local function score(queue, turn)
  return string.format('%.0f', -tonumber(string.match(queue, '^(-?%d+)|')) * TURNS + turn)
end

function act.push(ns, side, queue, entries)
  if #entries > 0 then
    sliced(side, key.ready(ns, queue), entries)
    call('ZADD', key.queues(ns), 'NX', score(queue, 0), queue)
  end
end

-- `ready`: { template, entry } pairs.  What became ready by a result goes to the front:
-- depth first keeps memory small.  Among themselves they keep their order.
function act.push_front(ns, ready)
  local queue_of, entries, queues = {}, {}, {}
  for i = #ready, 1, -1 do
    local template, entry = ready[i][1], ready[i][2]
    if not queue_of[template] then
      queue_of[template] = act.template(ns, template).queue
    end
    local queue = queue_of[template]
    if not entries[queue] then
      entries[queue] = {}
      queues[#queues + 1] = queue
    end
    table.insert(entries[queue], entry)
  end
  for _, queue in ipairs(queues) do
    act.push(ns, 'LPUSH', queue, entries[queue])
  end
end

-- How many tasks of `queue` the offer has room for: { fit = by resources, over = more }
local function room(offer, queue)
  local fit, needs = offer.seats, {}
  for name, amount in string.gmatch(string.match(queue, '|(.*)$'), '([^,:]+):(%d+)') do
    needs[name] = tonumber(amount)
    fit = math.min(fit, math.floor((offer.free[name] or 0) / needs[name]))
  end
  return math.max(fit, 0), needs
end

-- Entries for a node, as far as its offer goes; the offer shrinks by what they need.
function act.take(ns, offer)
  local queues = call('ZRANGE', key.queues(ns), 0, 63)
  local taken = {}
  for _, queue in ipairs(queues) do
    local fit, needs = room(offer, queue)
    local wanted = math.min(fit + (offer.over[queue] or 0), code.CLAIM_MOST)
    local got = wanted > 0 and call('LPOP', key.ready(ns, queue), wanted) or {}
    if wanted > 0 and #got < wanted then
      call('ZREM', key.queues(ns), queue)
    elseif #got > 0 and #queues > 1 then
      local turn = call('INCR', key.turn(ns))
      call('ZADD', key.queues(ns), score(queue, turn), queue)
    end
    local seated = math.min(#got, fit)
    offer.seats = offer.seats - seated
    for name, amount in pairs(needs) do
      offer.free[name] = offer.free[name] - seated * amount
    end
    if #got > seated then
      offer.over[queue] = offer.over[queue] - (#got - seated)
    end
    for _, entry in ipairs(got) do
      taken[#taken + 1] = entry
    end
  end
  return taken
end
