-- act.room(offer, queue) -> number, needs; act.wish(queue) -> wish;
-- act.comes_first(offer, wish) -> whether the node is one that is wished for
--
-- A queue's name may end in a wish: "priority|shape|wish".  A node's id or a label, or several
-- with "&" between them: nodes that have these (as resources, "@" before the name) come first,
-- and others only when they have nothing else to do, which an offer says by the amount "~".
-- spread and pack are wishes about the order of nodes: task/_choose.lua.
function act.comes_first(offer, wish)
  if wish == 'spread' or wish == 'pack' then
    return true
  end
  for mark in string.gmatch(wish, '[^&]+') do
    if not offer.free['@' .. mark] then
      return false
    end
  end
  return true
end

function act.wish(queue)
  return string.match(queue, '|[^|]*|(.+)$')
end

-- How many tasks of `queue` the offer has room for by its resources, and what each needs.
function act.room(offer, queue)
  local fit, needs, wish = offer.seats, {}, act.wish(queue)
  for name, amount in string.gmatch(string.match(queue, '|([^|]*)'), '([^,:]+):(%d+)') do
    needs[name] = tonumber(amount)
    fit = math.min(fit, math.floor((offer.free[name] or 0) / needs[name]))
  end
  if wish and not offer.free['~'] and not act.comes_first(offer, wish) then
    return 0, needs
  end
  return math.max(fit, 0), needs
end
