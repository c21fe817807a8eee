-- act.count(ns, what, templates), act.templates(ns, ids)
--
-- How many tasks of each template were submitted, done, failed and tried again.  These counts
-- are exact, whatever else about a task is forgotten.

-- `templates`: their ids, one for each task.
function act.count(ns, what, templates)
  local times, distinct = {}, {}
  for i = 1, #templates do
    local template = templates[i]
    if not times[template] then
      distinct[#distinct + 1] = template
    end
    times[template] = (times[template] or 0) + 1
  end
  for _, template in ipairs(distinct) do
    call('HINCRBY', key.counts(ns), template .. what, times[template])
  end
end

-- The templates of tasks that are not over.
function act.templates(ns, ids)
  local templates = {}
  for i, record in ipairs(many.hmget(key.task(ns), ids)) do
    templates[i] = string.sub(record, 1, code.TEMPLATE_ID)
  end
  return templates
end
