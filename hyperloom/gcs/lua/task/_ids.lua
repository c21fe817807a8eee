-- act.output(task, index), act.split(entry), act.join(id, attempt), act.hex(bytes)
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
