-- object_strays(oid, oid, ...) -> those that nobody knows of, concatenated
--
-- A node found these in its store after a worker had died, which may have been killed between
-- storing a value and saying so.  What exists is somebody's, and so is what a task that is not
-- over may make, or has made.
--
-- Refuses: nothing.
-- Writes:  nothing.

transition('object_strays', READS, function(ns, oids)
  local tasks, strays = {}, {}
  for i, oid in ipairs(oids) do
    tasks[i] = string.sub(oid, 1, code.TASK_ID)
  end
  local there, making = many.hmget(key.object(ns), oids), many.hmget(key.task(ns), tasks)
  for i, oid in ipairs(oids) do
    if not there[i] and not making[i] then
      strays[#strays + 1] = oid
    end
  end
  return table.concat(strays)
end)
