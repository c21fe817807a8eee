-- act.count_down(ns, tasks)
--
-- Each of `tasks` (repeated if it waited for several) lacks one input less.  (The rows of `wait`:
-- task/_await.lua.)

function act.count_down(ns, tasks)
  local times, distinct, number = {}, {}, 0
  for i = 1, #tasks do
    local id = tasks[i]
    if not times[id] then
      number = number + 1
      distinct[number] = id
    end
    times[id] = (times[id] or 0) + 1
  end
  local rows, waits, gone, ready = many.hmget(key.wait(ns), distinct), {}, {}, {}
  local woken = {}  -- a template for each task
  for i, id in ipairs(distinct) do
    if rows[i] then  -- else it was cancelled meanwhile
      local template = string.sub(rows[i], 1, code.TEMPLATE_ID)
      local text, mark = string.sub(rows[i], code.TEMPLATE_ID + 1), ''
      local lacks = text == '1' and 1 or tonumber(text)
      if not lacks then
        text, mark = string.match(text, '^(%d+)(.*)$')
        lacks = tonumber(text)
      end
      if lacks > times[id] then
        waits[#waits + 1] = id
        waits[#waits + 1] = template .. lacks - times[id] .. mark
      else
        gone[#gone + 1] = id
        ready[#ready + 1] = { template, act.entry(id, mark) }
        for _ = 1, mark == code.RANGE and act.tasks_in(ns, id) or 1 do
          woken[#woken + 1] = template
        end
      end
    end
  end
  many.hset(key.wait(ns), waits)
  many.hdel(key.wait(ns), gone)
  act.count(ns, code.WAITING, woken, -1)
  act.push_front(ns, ready)
end
