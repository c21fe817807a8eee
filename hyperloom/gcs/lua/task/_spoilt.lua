-- act.spoilt_by(ns, record) -> an input of the task that failed or was cancelled, then FAILED or
--   CANCELLED; '' if there is none
--
-- For people: it looks at the first inputs, and not at values that are long, which cost much.  What
-- a cancelled task became is short.

local INPUTS, BYTES = 16, 4096

function act.spoilt_by(ns, record)
  for _, oid in ipairs(act.inputs_of(record, INPUTS)) do
    local size = call('HSTRLEN', key.object(ns), oid)
    if size > 0 and size <= BYTES then
      local became = act.became(call('HGET', key.object(ns), oid))
      if became ~= code.DONE then
        return oid .. became
      end
    end
  end
  return ''
end
