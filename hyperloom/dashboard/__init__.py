"""The page: what goes on in a cluster, in a browser.

A process of its own, which reads what the command line reads (`hyperloom.watch`) and changes
nothing.  What all viewers see alike is read once, and only while somebody looks.

    access     who may look: a login link that works once, a cookie, hosts and origins
    sampler    reads the control plane once a second, for everybody
    tail       follows what happened to tasks, as far as it was asked for
    stream     tasks as bars, or, when there are many, as shares of time.  Pure.
    answers    what each page shows, as JSON
    app        joins them
"""
