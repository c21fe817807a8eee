-- act.ceded(ns, name) -> number of the claim up to which another job may have the name, or 0
--
-- A name that the whole cluster knows is claimed for a job (actor/claim.lua), and taken and freed
-- there with its actors.  Another job gets it only by a later claim, and only after this job ceded
-- it by all claims so far: whoever comes later with one of those creates nothing.

function act.ceded(ns, name)
  return tonumber(call('HGET', key.ceded(ns), name) or 0)
end
