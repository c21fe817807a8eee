-- act.now_ms()
--
-- The cluster's clock is the server's: the only one that two machines may compare.

function act.now_ms()
  local now = call('TIME')
  return now[1] * 1000 + math.floor(now[2] / 1000)
end
