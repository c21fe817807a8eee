-- act.task_ids(process, first, last) -> ids
--
-- A process's tasks and puts with these numbers.

function act.task_ids(process, first, last)
  local ids = {}
  for n = first, last do
    local counter, rest = '', n
    for _ = 1, code.TASK_ID - code.PROCESS_ID do
      counter = string.char(rest % 256) .. counter
      rest = math.floor(rest / 256)
    end
    ids[#ids + 1] = process .. counter
  end
  return ids
end
