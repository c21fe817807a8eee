-- act.members(ns, process, oids, is) -> those of `oids` that the process holds (1) or not (0)
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
