"""The control plane: tables in Redis, changed only by the functions of one Lua library.

Where to begin: `keys` (what is kept), `lifecycles` (what may happen to it), then
``lua/task/submit.lua`` and ``lua/task/step.lua``, the two calls of the hot path.
"""
