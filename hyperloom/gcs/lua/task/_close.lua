-- act.close(ns, node, ids), act.rare(ns)
--
-- Tasks are over, whatever became of them.

-- The books that few tasks are in.
function act.rare(ns)
  return {
    key.tries(ns),
    key.deaths(ns),
    key.redirects(ns),
    key.children(ns),
    key.stream(ns),
    key.yielded(ns),
  }
end

-- Their books are closed; `node` held them, or nobody did.
function act.close(ns, node, ids)
  if #ids > 0 then
    if node then
      many.hdel(key.held(ns, node), ids)
    end
    many.hdel(key.task(ns), ids)
    -- Mostly no task of the job was ever retried or redirected, has children or streams.
    local rare = act.rare(ns)
    if call('EXISTS', unpack(rare)) > 0 then
      for _, name in ipairs(rare) do
        many.hdel(name, ids)
      end
    end
  end
end
