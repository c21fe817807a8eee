-- act.settle(ns, oids, values)
--
-- Objects come into being: they are stored, their waiters counted down, and the processes
-- that want to know are told in their inboxes, small values included.
--
-- An object whose every holder is gone already is not stored at all; `refs` remembers that
-- (see ref/_count.lua), and forgets it here.

function act.settle(ns, oids, values)
  local refs = many.hmget(key.refs(ns), oids)
  local rows, unwanted = {}, {}
  for i, oid in ipairs(oids) do
    if refs[i] == code.NOBODY then
      unwanted[#unwanted + 1] = oid
    end
    rows[#rows + 1] = oid
    rows[#rows + 1] = values[i]
  end
  many.hset(key.object(ns), rows)
  act.notify(ns, oids, values, refs)

  local lists, tasks, woken = many.hmget(key.waiters(ns), oids), {}, {}
  for i, oid in ipairs(oids) do
    if lists[i] then
      woken[#woken + 1] = oid
      if lists[i] == code.CROWD then
        call('RPUSH', key.waking(ns), oid)
      else
        many.cut(lists[i], code.TASK_ID, tasks)
      end
    end
  end
  many.hdel(key.waiters(ns), woken)
  act.wake_crowd(ns, tasks)
  act.count_down(ns, tasks)
  act.drop(ns, unwanted)
end

-- A slice of the first crowd that is being woken joins `tasks`.
function act.wake_crowd(ns, tasks)
  local oid = call('LINDEX', key.waking(ns), 0)
  if oid then
    local part = call('LPOP', key.crowd(ns, oid), code.WAKE_MOST) or {}
    for _, id in ipairs(part) do
      tasks[#tasks + 1] = id
    end
    if #part < code.WAKE_MOST then
      call('LPOP', key.waking(ns))
    end
  end
end
