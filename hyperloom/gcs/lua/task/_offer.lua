-- act.offer(text) -> offer, act.seat(...), act.stand(ns, node, offer)
--
-- An offer is what a node has room for: the text "seats;CPU:20000,GPU:0;queue=n;queue=n".
-- Seats are tasks that it would run beside those that it runs; the amounts, in 1/10000, are
-- what these may use; and of each named queue it takes n tasks more, to have them at hand
-- (the raylet asks for these only when that queue's tasks are short).
--
-- A node that found less than it has room for leaves the rest in `idle`: a standing claim.
-- Mostly nothing is taken of an offer, so its text is kept as long as it is true.

function act.offer(text)
  local seats, free, over = string.match(text, '^(%d+);([^;]*);(.*)$')
  local offer = { text = text, seats = tonumber(seats), free = {}, over = {} }
  for name, amount in string.gmatch(free, '([^,:]+):(-?%d+)') do
    offer.free[name] = tonumber(amount)
  end
  for queue, n in string.gmatch(over, '([^=;]+)=(%d+)') do
    offer.over[queue] = n ~= '0' and tonumber(n) or nil
  end
  return offer
end

-- `number` tasks of the queue take what they need off the offer; `fit` of them by resources.
function act.seat(offer, queue, needs, fit, number)
  local seated = math.min(number, fit)
  offer.text = nil
  offer.seats = offer.seats - seated
  for name, amount in pairs(needs) do
    offer.free[name] = offer.free[name] and offer.free[name] - seated * amount
  end
  if number > seated then
    local left = offer.over[queue] - (number - seated)
    offer.over[queue] = left > 0 and left or nil
  end
end

local function text_of(offer)
  local free, over = {}, {}
  for name, amount in pairs(offer.free) do
    free[#free + 1] = name .. ':' .. string.format('%.0f', amount)
  end
  for queue, n in pairs(offer.over) do
    over[#over + 1] = queue .. '=' .. n
  end
  table.sort(free)
  table.sort(over)
  return offer.seats .. ';' .. table.concat(free, ',') .. ';' .. table.concat(over, ';')
end

-- Leave the rest of an offer as a standing claim, or withdraw it when nothing is left.
function act.stand(ns, node, offer)
  if offer.seats > 0 then
    call('HSET', key.idle(ns), node, offer.text or text_of(offer))
  else
    call('HDEL', key.idle(ns), node)
  end
end
