-- act.push(ns, side, queue, entries), act.push_front(ns, ready), act.push_back(ns, ready),
-- act.served_now(ns, queue)
--
-- The ready queues: a list for each "priority|shape", and `queues`, a sorted set of those
-- that may hold something.  Its score puts a higher priority first and, among equals, the
-- queue that was served longest ago, so that no shape starves another.

local TURNS = 2 ^ 32  -- room for the serving order below one step of priority

local function score(queue, turn)
  return string.format('%.0f', -tonumber(string.match(queue, '^(-?%d+)|')) * TURNS + turn)
end

-- `side`: RPUSH to the back, LPUSH to the front, where they stand in their own order too.
function act.push(ns, side, queue, entries)
  if side == 'LPUSH' then
    for i = 1, math.floor(#entries / 2) do
      entries[i], entries[#entries - i + 1] = entries[#entries - i + 1], entries[i]
    end
  end
  sliced(side, key.ready(ns, queue), entries)
  call('ZADD', key.queues(ns), 'NX', score(queue, 0), queue)
end

-- The queue is the one that was served last.
function act.served_now(ns, queue)
  call('ZADD', key.queues(ns), score(queue, call('INCR', key.turn(ns))), queue)
end

local function before(one, other)
  local a, b = tonumber(string.match(one, '^(-?%d+)|')), tonumber(string.match(other, '^(-?%d+)|'))
  if a ~= b then
    return a > b
  end
  return one < other
end

-- `ready`: { template, entry } pairs.  Among themselves they keep their order; of several
-- queues the one with the higher priority is first.
local function push_each(ns, side, ready)
  local queue_of, entries, queues, calls = {}, {}, {}, {}
  for _, pair in ipairs(ready) do
    local template, entry = pair[1], pair[2]
    if not queue_of[template] then
      queue_of[template] = act.template(ns, template).queue
    end
    local queue = queue_of[template]
    if queue == code.CALL then  -- its place is fixed, and its turn: see actor/_lanes.lua
      calls[#calls + 1] = entry
    elseif entries[queue] then
      table.insert(entries[queue], entry)
    else
      entries[queue] = { entry }
      queues[#queues + 1] = queue
    end
  end
  if #queues > 1 then
    table.sort(queues, before)
  end
  for _, queue in ipairs(queues) do
    act.enqueue(ns, side, queue, entries[queue])
  end
  if #calls > 0 then
    act.woken(ns, calls)
  end
end

-- What became ready by a result goes to the front: depth first keeps memory small.
function act.push_front(ns, ready)
  push_each(ns, 'LPUSH', ready)
end

function act.push_back(ns, ready)
  push_each(ns, 'RPUSH', ready)
end
