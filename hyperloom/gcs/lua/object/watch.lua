-- object_watch(process, oid, oid, ...) -> { value, value, ... }
--
-- The values of these objects, whole; '' for one that is still being made, which the
-- process will be told about in its inbox; code.LOST for one that does not exist and that
-- nobody is making.
--
-- The maker of an object is told anyway as long as it holds it, so only others (and a maker
-- that let go and came by the ref again) are written down.
--
-- Refuses: nothing.
-- Writes:  watch.

transition('object_watch', DRAINS, function(ns, args)
  local process, oids, tasks = args[1], {}, {}
  for i = 2, #args do
    oids[i - 1] = args[i]
    tasks[i - 1] = string.sub(args[i], 1, code.TASK_ID)
  end
  local values = many.hmget(key.object(ns), oids)
  local making = many.hmget(key.task(ns), tasks)
  local ranged = act.ranged(ns, tasks)
  local refs, watch = many.hmget(key.refs(ns), oids), many.hmget(key.watch(ns), oids)
  local rows = {}
  for i, oid in ipairs(oids) do
    making[i] = making[i] or ranged[tasks[i]]
    if not values[i] then
      values[i] = making[i] and '' or code.LOST
      local told = string.sub(oid, 1, code.PROCESS_ID) == process and act.maker_holds(refs[i])
      local list = watch[i] or ''
      if making[i] and not told and not act.among(list, process) then
        rows[#rows + 1] = oid
        rows[#rows + 1] = list .. process
      end
    end
  end
  many.hset(key.watch(ns), rows)
  return values
end)
