"""The control plane: its Lua on real servers, its wire, its addresses."""
