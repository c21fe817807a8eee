"""A cluster in one thread, under one seed: what the world may do to it, it does.

Real are the Lua library on a real server and all that a raylet decides and says: `Agent`, `Jobs`,
`Desk`, `Membership`, `Reporter`, `Lookout`, `Fetching`, `Draining`, the machines.  Played are the
network, the clock, the worker processes, the stores and the drivers.  Whatever could happen next is
an event; the seed chooses.

    network     lines that deliver late, lose answers, and say everything again
    node        an agent on a played loop
    workers     run tasks, and die
    stores      what lies on which node, and moves
    driver      submits, is told, reads, lets go
    streams     who reads them, and who makes their items
    plans       maps and what takes them, as a driver says them
    actors      made, called, killed and let go of, by a driver
    names       actors that the whole cluster knows, and visits in the jobs of others
    groups      placement groups, and tasks in them
    jobs        drivers come and die, and that is found out
    leftovers   what is left at the end, and should not be
    books       what was accepted, what came of it; says what is wrong
    world       chooses what happens next
"""
