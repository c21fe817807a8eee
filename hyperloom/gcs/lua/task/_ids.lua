-- act.output(task, index), act.number(id), act.ends(tasks),
-- act.split(entry), act.join(id, attempt), act.hex(bytes)
--
-- Ids, and the entries of ready queues.

local FIRST = '\0\0\0\0'

-- object id of return number `index` (0 to 2^32 - 1) of a task
function act.output(task, index)
  if index == 0 then
    return task .. FIRST
  end
  return task .. string.char(
    math.floor(index / 16777216) % 256,
    math.floor(index / 65536) % 256,
    math.floor(index / 256) % 256,
    index % 256
  )
end

-- the number of a task, or of the one that makes an object, among those of its process
function act.number(id)
  local a, b, c, d, e, f = string.byte(id, code.PROCESS_ID + 1, code.TASK_ID)
  return ((((a * 256 + b) * 256 + c) * 256 + d) * 256 + e) * 256 + f
end

-- the first and the last of these tasks of one process by number, concatenated
function act.ends(tasks)
  local first, last = tasks[1], tasks[1]
  local low = act.number(first)
  local high = low
  for i = 2, #tasks do
    local number = act.number(tasks[i])
    if number < low then
      first, low = tasks[i], number
    elseif number > high then
      last, high = tasks[i], number
    end
  end
  return first .. last
end

-- An attempt number is kept in the queue as id .. number from the second on, so that a
-- first attempt costs no more than its id
function act.split(entry)
  if #entry == code.TASK_ID then
    return entry, '1'
  end
  return string.sub(entry, 1, code.TASK_ID), string.sub(entry, code.TASK_ID + 1)
end

function act.join(id, attempt)
  return tonumber(attempt) > 1 and id .. attempt or id
end

function act.hex(bytes)
  return (string.gsub(bytes, '.', function(c) return string.format('%02x', string.byte(c)) end))
end
