-- object_missed(node, oid, oid, ...)
--   -> { those that the node is to free, those that may be made yet }, each concatenated
--
-- These lie in the node's store, and a message to free one of them may have been lost: its inbox
-- broke, or it was given up for a while.  It is to keep what lies there by the value or as a copy,
-- and what may be made yet.  Of what is not known, a process may have put it and not said so: then
-- it has not said so much yet.  (Several threads of a process may say it in another order; so
-- whoever asks asks twice, and long enough apart: hyperloom/raylet/doubts.py.)
--
-- Refuses: nothing.
-- Writes:  nothing.

-- how many tasks and puts the maker of each has said, in a table that is filled as it is asked
local function said_by(ns)
  return setmetatable({}, { __index = function(said, process)
    said[process] = act.made(ns, process)
    return said[process]
  end })
end

transition('object_missed', READS, function(ns, args)
  local node, oids, tasks, missed, open, said = args[1], {}, {}, {}, {}, said_by(ns)
  for i = 2, #args do
    oids[i - 1], tasks[i - 1] = args[i], string.sub(args[i], 1, code.TASK_ID)
  end
  local values, copies = many.hmget(key.object(ns), oids), many.hmget(key.copies(ns), oids)
  local making, ranged = many.hmget(key.task(ns), tasks), act.ranged(ns, tasks)
  for i, oid in ipairs(oids) do
    local task, wanted = tasks[i], making[i] or ranged[tasks[i]]
    if wanted then
      open[#open + 1] = oid
    elseif values[i] then
      wanted = act.place(values[i]) == node or act.among(copies[i] or '', node)
    else
      wanted = act.number(task) > said[string.sub(task, 1, code.PROCESS_ID)]
    end
    if not wanted then
      missed[#missed + 1] = oid
    end
  end
  return { table.concat(missed), table.concat(open) }
end)
