-- group_create(group, job, name, strategy, bundle, bundle, ...) -> 1 if new
--
-- A placement group is wanted: a node, or several, shall keep these bundles for it, each what it
-- takes as "CPU:10000,GPU:10000".  It waits until nodes have told what room they have; then
-- all its bundles get a place at once (_place.lua).  `job` is the one with which it ends, '' if
-- it is detached.  No two that a job can see have the same name; '' is none.
-- (Cluster-wide table: its namespace is the cluster's, not a job's.)
--
-- Refuses: EXISTS when another group that the job can see has the name.
-- Writes:  groups, room.

transition('group_create', FILLS, function(ns, args)
  local id, job, name, strategy = unpack(args)
  if call('HEXISTS', key.groups(ns), id) == 1 then
    return 0
  end
  local now, waits = act.now_ms(), false
  job = job == '' and '-' or act.hex(job)
  for _, other in ipairs(act.all_groups(ns)) do
    waits = waits or other.waits
    if name ~= '' and other.name == name and (other.job == '-' or other.job == job) then
      return refuse('EXISTS', 'placement group %s has the name %s', act.hex(other.id), name)
    end
  end
  local group = {
    id = id, strategy = strategy, job = job, name = name, created = 0, declined = 0,
    made = now, since = now, tried = 0, bundles = {},
  }
  for i = 5, #args do
    group.bundles[i - 4] = { needs = args[i], held = false }
  end
  act.put_group(ns, group)
  if waits then  -- so what the nodes told is as new as can be
    act.place_groups(ns, true)
  else
    act.ask_rooms(ns)
  end
  return 1
end)
