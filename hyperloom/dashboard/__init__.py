"""The page: what goes on in a cluster, in a browser.

A process of its own, which reads what the command line reads (`hyperloom.watch`), and changes
nothing unless it was told that it may.  What several viewers see alike is read once, and only
while somebody looks.

    access     who may look: a login link that works once, a cookie, hosts and origins
    links      how its user gets such a link to a page that runs
    desk       a thread that speaks to the control plane, one question after the other
    sampler    reads the control plane once a second, for everybody
    shared     an answer that several ask for is made once
    bars       attempts as columns
    stream     them as bars, or, when there are many, as shares of time.  Pure.
    tail       follows what happened to tasks, as far as it was asked for
    answers    what each page shows, as JSON
    actions    what viewers may do, if anything
    app        joins them
    serve      puts it on a port: for `loom dashboard`, and, as `resident`, for a head
"""
