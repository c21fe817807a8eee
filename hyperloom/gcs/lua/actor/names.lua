-- actor_names() -> { full name, ... }, sorted
--
-- The names that actors have now.
--
-- Refuses: nothing.
-- Writes:  nothing.

transition('actor_names', READS, function(ns, _)
  local names = call('HKEYS', key.name(ns))
  table.sort(names)
  return names
end)
