-- The Lua of `hyperloom/gcs/lua` runs inside Redis: a generated preamble, _prelude.lua, then one
-- block for each file (hyperloom/gcs/library.py).
std = "lua51"
max_line_length = 100
read_globals = { "redis", "cjson" } -- cmsgpack and struct are not on every server: they stay out

-- Set by the preamble or the prelude, ahead of every file.
files["hyperloom/gcs/lua/*/"].read_globals = {
  "key", "lifecycle", "code", "call", "many", "refuse", "guard", "transition",
  "sliced", "DRAINS", "FILLS", "READS", "SLICE",
}
-- Steps that transitions share: a _file.lua adds its own.
files["hyperloom/gcs/lua/*/"].globals = { "act" }
files["hyperloom/gcs/lua/_prelude.lua"] = {
  read_globals = { "key", "lifecycle", "code" },
  ignore = { "211", "231", "241" }, -- its locals are used by the files below
}
files["hyperloom/gcs/lua/_many.lua"] = {
  read_globals = { "call" },
  ignore = { "211", "241" }, -- likewise
}
