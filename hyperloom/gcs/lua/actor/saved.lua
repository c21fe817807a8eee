-- actor_saved(actor) -> its state when it was last saved, or nil
--
-- With which its next incarnation begins (actor/save.lua).
--
-- Refuses: nothing.
-- Writes:  nothing.

transition('actor_saved', READS, function(ns, args)
  return act.saved(ns, args[1]) or nil
end)
