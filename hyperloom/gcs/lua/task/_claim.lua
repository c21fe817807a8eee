-- act.claim(ns, node, offer, given) -> given, which { entry, record, inputs, ... } have joined
--
-- A claim moves ready tasks to a node, which holds them from then on.  For `inputs` see
-- task/_inputs.lua.

-- The node holds these from now on; what it is to be given joins `given`.
function act.give(ns, node, entries, records, given)
  local held, inputs, last = {}, act.inputs(ns, records), #given
  for i = 1, #entries do
    local entry = entries[i]
    held[2 * i - 1], held[2 * i] = act.split(entry)
    given[last + 1], given[last + 2], given[last + 3] = entry, records[i], inputs[i]
    last = last + 3
  end
  many.hset(key.held(ns, node), held)
  return given
end

function act.claim(ns, node, offer, given)
  local entries, records = act.take(ns, offer)
  return act.give(ns, node, entries, records, given)
end

-- Tasks into a node's inbox: { TASK, tasks served to it so far, entry, record, inputs, ... }
function act.send(ns, node, given)
  local message = { code.TASK, tostring(call('HINCRBY', key.served(ns), node, #given / 3)) }
  for _, part in ipairs(given) do
    message[#message + 1] = part
  end
  act.tell(ns, node, message)
end
