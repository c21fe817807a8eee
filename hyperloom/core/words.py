"""The words between a raylet and its worker: the first element of each message.

To the worker, on the data socket::

    TASKS  [(template id, body, pickled function)], [entry, record, inputs, ...], gpus
    EXIT

To the worker, on the control socket::

    GIVE_BACK               report what has ended, return what you have not begun
    FORGET                  what you have not begun of your actor's calls is not wanted any more
    STOP     task, failure  stop that task; its outputs become the failure
    STACKS                  say what your threads do
    WAITS                   say what your calls wait for, which run beside each other
    PROFILE  seconds, every  say what your threads did for so long, looked at so often

From the worker::

    DONE      number, seconds, [task, attempt, refs, number of outputs, outputs..., ...],
              a `hyperloom.events.Run` of them, encoded, or nothing; and of an actor that keeps
              its state: the refs in it, the state
    RETRY     entry, failure, row   the attempt failed; the failure is for when none is left
    REDIRECT  entry, record, row    the task goes on as another: this is its record from now on
    BLOCKED   entries           the task waits for objects; the entries were not begun
    UNBLOCKED
    BACK      entries           what was not begun
    LEAVING                     the process ends by itself (max_calls)
    STACKS    text              what it was asked
    WAITS     [[task, object], ...]
    PROFILE   [[stack, times], ...]
    SESSION   process           it uses the API, under this process id
    OPEN      farewell          the actor's constructor has ended well: it takes calls; and
                                whether it has an `on_exit`
    OVER      failure           the actor has ended by itself; what it and its calls become
    VISITS    process, how      it is this process too, from now on: it has a session in another
                                job, or says a detached plan (BEGINS); it is not any more (ENDS), or
                                what it was does not need it any more (STAYS)
"""

TASKS = 0
EXIT = 1

GIVE_BACK = 10
STOP = 11
STACKS = 12
PROFILE = 13
FORGET = 14
WAITS = 15

DONE = 20
RETRY = 21
BLOCKED = 22
UNBLOCKED = 23
BACK = 24
LEAVING = 25
SESSION = 27
OPEN = 28
OVER = 29
REDIRECT = 30
VISITS = 31

ENDS = 0
BEGINS = 1
STAYS = 2
