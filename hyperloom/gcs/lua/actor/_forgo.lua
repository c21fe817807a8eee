-- act.forgo(ns, oids, failure)
--
-- A process was killed while it held these outputs of its tasks, and does not hold them any more.
-- Calls of actors among the tasks, of which nobody else wants a result, are cancelled: else one
-- that waits within its actor for what only that process would have brought, or taken, stays there
-- for ever.  Who ended by itself, or let go of a ref before, wanted its calls to run.

function act.forgo(ns, oids, failure)
  if #oids == 0 or call('EXISTS', key.actor(ns)) == 0 then
    return
  end
  local counts, ids, wanted = many.hmget(key.refs(ns), oids), {}, {}
  for i, oid in ipairs(oids) do
    local id = string.sub(oid, 1, code.TASK_ID)
    if wanted[id] == nil then
      ids[#ids + 1] = id
    end
    wanted[id] = wanted[id] or counts[i] ~= code.NOBODY
  end
  local calls = {}
  for i, record in ipairs(many.hmget(key.task(ns), ids)) do
    local template = record and act.template(ns, string.sub(record, 1, code.TEMPLATE_ID))
    if template and template.queue == code.CALL and not wanted[ids[i]] then
      calls[#calls + 1] = ids[i]
    end
  end
  if #calls > 0 then
    act.cancel(ns, calls, failure, '0')
    act.serve(ns)
  end
end
