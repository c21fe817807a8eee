"""Plans: whole graphs of tasks, built first, submitted as one thing, watched and gathered.

`graph` is pure: which tasks there are, in which order, how deep and wide.  `submission` names
and packs them and says them to the control plane.  `handle` is what the user has afterwards.
"""
