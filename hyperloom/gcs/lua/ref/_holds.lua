-- act.members(ns, process, oids, is) -> those of `oids` that the process holds (1) or not (0)
-- act.hold_for(ns, process, oids) -> number that it did not hold before
-- act.found_by(ns, process, oid)
--
-- `holds` lists what a process acquired.  It counts once, however often it was acquired, and
-- is let go once: so a burial lets go of exactly what is listed.

function act.members(ns, process, oids, is)
  local found, seen = {}, {}
  for first = 1, #oids, SLICE do
    local last = math.min(first + SLICE - 1, #oids)
    local known = call('SMISMEMBER', key.holds(ns, process), unpack(oids, first, last))
    for i = first, last do
      if known[i - first + 1] == is and not seen[oids[i]] then
        seen[oids[i]] = true
        found[#found + 1] = oids[i]
      end
    end
  end
  return found
end

function act.hold_for(ns, process, oids)
  local new = act.members(ns, process, oids, 0)
  act.hold(ns, new)
  many.sadd(key.holds(ns, process), new)
  return #new
end

-- The process came by the object without being given it: it holds it, unless it made it and
-- holds it still.
function act.found_by(ns, process, oid)
  local made = string.sub(oid, 1, code.PROCESS_ID) == process
  if not made or tonumber(call('HGET', key.refs(ns), oid) or 0) < 0 then
    act.hold_for(ns, process, { oid })
  end
end
