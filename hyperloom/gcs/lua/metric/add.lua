-- metric_add(process, seq, made, how, name, value, ...) -> number of them
--
-- What a program measures of itself: `how` is '+' to add the value to what is there, '=' to put
-- it in its place.  A name is JSON: see hyperloom/core/metrics.py.  `made` is not looked at.
--
-- Refuses: GAP, see act.answered.
-- Writes:  heard, metrics.

transition('metric_add', FILLS, function(ns, args)
  local answered = act.answered(ns, args[1], args[2])
  if answered then
    return answered
  end
  for i = 4, #args, 3 do
    if args[i] == '=' then
      call('HSET', key.metrics(ns), args[i + 1], args[i + 2])
    else
      call('HINCRBYFLOAT', key.metrics(ns), args[i + 1], args[i + 2])
    end
  end
  return (#args - 3) / 3
end)
