-- act.holder(ns, id, nodes) -> node, whether it is lost; or nil
--
-- Who holds the task; `nodes` is all that `served` says.
function act.holder(ns, id, nodes)
  for i = 1, #nodes, 2 do
    if call('HEXISTS', key.held(ns, nodes[i]), id) == 1 then
      return nodes[i], nodes[i + 1] == code.LOST
    end
  end
end
