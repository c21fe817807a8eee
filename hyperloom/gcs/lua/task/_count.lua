-- act.count(ns, what, templates, sign), act.became(value), act.templates(ns, ids)
--
-- How many tasks of each template were submitted, done, failed, cancelled and tried again, and how
-- many lack an input now.  These counts are exact, whatever else about a task is forgotten.  What
-- is not over, and neither waits nor is held, is ready: nobody counts the queues, which have one
-- entry for a whole range, and those of cancelled tasks.

-- `templates`: their ids, one for each task; with `sign` -1 they are so many fewer.
function act.count(ns, what, templates, sign)
  local first, number, times, distinct = templates[1], #templates, {}, { templates[1] }
  for i = 1, #templates do
    local template = templates[i]
    if template ~= first then  -- mostly there is one
      if not times[template] then
        times[template], distinct[#distinct + 1] = 0, template
      end
      times[template], number = times[template] + 1, number - 1
    end
  end
  times[first or ''] = number
  for _, template in ipairs(distinct) do
    call('HINCRBY', key.counts(ns), template .. what, (sign or 1) * times[template])
  end
end

-- As what a task counts of which this is an output.
function act.became(value)
  if string.sub(value, 1, 1) ~= code.FAILURE then
    return code.DONE
  end
  local cancelled = string.sub(value, 1, #code.WAS_CANCELLED) == code.WAS_CANCELLED
  return cancelled and code.CANCELLED or code.FAILED
end

-- The templates of tasks that are not over.
function act.templates(ns, ids)
  local templates = {}
  for i, record in ipairs(many.hmget(key.task(ns), ids)) do
    templates[i] = string.sub(record, 1, code.TEMPLATE_ID)
  end
  return templates
end
