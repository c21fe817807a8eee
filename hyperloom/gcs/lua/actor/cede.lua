-- actor_cede(name, claim) -> 'CEDED', or 'HELD': an actor of this job has the name
--
-- The name, which this job has by that claim (actor/claim.lua), may be another's: by claims up to
-- this one no actor of the name comes into being here any more.  A job that is over has ceded all.
--
-- Refuses: nothing.
-- Writes:  ceded.

transition('actor_cede', FILLS, function(ns, args)
  local name, claim = args[1], tonumber(args[2])
  if call('HEXISTS', key.name(ns), name) == 1 then
    return 'HELD'
  end
  if claim > act.ceded(ns, name) and call('EXISTS', key.closed(ns)) == 0 then
    call('HSET', key.ceded(ns), name, string.format('%.0f', claim))
  end
  return 'CEDED'
end)
