"""The agent of one node: claims tasks as far as its resources go, and keeps the workers.

Where to begin: `messages` (all that a node hears and does), `machine` (the decisions), then
`agent` (the loop around it).
"""
