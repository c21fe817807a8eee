-- act.settle(ns, oids, values)
--
-- Objects come into being: they are stored, the processes that want to know are told, small
-- values included, and their waiters are counted down.
--
-- An object whose every holder is gone already is not kept; `refs` remembers that (see
-- ref/_count.lua), and forgets it here.  What a task makes again, only to find that it exists, is
-- turned away.

function act.settle(ns, oids, values)
  -- Mostly nobody watches or waits at all, and nothing is made again: then one look at four tables
  -- is enough.  Without any objects too: a step that has nothing to report wakes the next slice
  -- of a crowd.
  local rare = call('EXISTS', key.watch(ns), key.waiters(ns), key.waking(ns), key.remade(ns)) > 0
  if rare and call('EXISTS', key.remade(ns)) == 1 then
    oids, values = act.missing_only(ns, oids, values)
  end
  local refs, rows, unwanted = many.hmget(key.refs(ns), oids), {}, {}
  for i = 1, #oids do
    if refs[i] == code.NOBODY then
      unwanted[#unwanted + 1] = oids[i]
    end
    rows[2 * i - 1], rows[2 * i] = oids[i], values[i]
  end
  many.hset(key.object(ns), rows)
  local watched = rare and call('EXISTS', key.watch(ns)) == 1
  act.notify(ns, oids, values, refs, watched and many.hmget(key.watch(ns), oids) or {})
  if rare then
    act.wake(ns, oids)
  end
  act.drop(ns, unwanted, act.unheld(ns, unwanted))
end

-- Who waits for these is counted down; a crowd is only lined up, and woken slice by slice.
function act.wake(ns, oids)
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
