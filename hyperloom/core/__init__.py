"""One process that submits and runs: a driver, or a worker.

Where to begin: `session` (what a process knows, says and hears), then the way of one call:
`remote`, `submission`, and on the other side `worker`, `execution`.
"""
