-- act.take(ns, offer) -> entries, their records
--
-- What a node may have of the ready queues; the offer shrinks by it.
--
-- The entry of a cancelled task stays in its queue until it is met here, without a record.
-- It takes nothing off the offer: else a node could wait with a seat that nobody knows of.
-- When a claim met too many of them, `offer.more` says that it was cut short.

-- Up to `wanted` tasks of one queue join `entries` -> how many did, whether it is empty
local function pop(ns, queue, wanted, entries, records)
  local found, cancelled = 0, 0
  while found < wanted and cancelled < code.CANCELLED_MOST do
    local asked = wanted - found
    local got = call('LPOP', key.ready(ns, queue), asked) or {}
    local new, gone, rest = act.accept(ns, queue, got, asked, entries, records)
    found, cancelled = found + new, cancelled + gone
    if #got < asked and not rest then
      return found, true
    end
  end
  return found, false
end

local function take_of(ns, offer, queue, several, entries, records)
  local fit, needs = act.room(offer, queue)
  local wanted = math.min(fit + (offer.over[queue] or 0), code.CLAIM_MOST)
  if wanted == 0 then
    return
  end
  local found, empty = pop(ns, queue, wanted, entries, records)
  offer.more = offer.more or (not empty and found < wanted)
  if empty then
    call('ZREM', key.queues(ns), queue)
  elseif found > 0 and several then
    act.served_now(ns, queue)
  end
  act.seat(offer, queue, needs, fit, found)
end

function act.take(ns, offer)
  local entries, records, seen = {}, {}, {}
  for _, most in ipairs({ code.QUEUES_FIRST, code.QUEUES_MOST }) do
    local queues = call('ZRANGE', key.queues(ns), 0, most - 1)
    for _, queue in ipairs(queues) do
      if offer.seats <= 0 and not next(offer.over) then
        return entries, records
      elseif not seen[queue] then
        seen[queue] = true
        take_of(ns, offer, queue, #queues > 1, entries, records)
      end
    end
    if #queues < most or offer.seats <= 0 then
      break
    end
  end
  return entries, records
end
