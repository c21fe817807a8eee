"""The shared-memory object store of one node: one file per object, pinned by the kernel.

- An object is one file under a private folder of ``/dev/shm``; which sub-folder it is in,
  and one state word in its header, are the whole object table.  There is no index to tear.
- ``rename`` commits, ``flock`` pins: what a killed process held, the kernel gives back.
- Writing, reading and freeing need no other process.  Only a *new* file asks the keeper,
  which does the accounting and moves objects to disk when memory is full.

Read in this order: `layout` (the bytes), `places` (the folder), `reader` and `slots` (the two
halves of `client.StoreClient`), `teardown` (how a file ends), `keeper` (the node's side),
`reaper` (the end of everything).  The whole story: docs/protocols/objects.md.
"""
