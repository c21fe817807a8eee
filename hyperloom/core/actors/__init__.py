"""Actors: objects that live in a worker of their own, and whose methods are called remotely.

options.py     what an actor, and a method, may ask for
terms.py       what a handle must know of the class: names and signatures, as plain data
definition.py  `@actor`: a class whose instances are actors
marks.py       what `method` with options makes of a function, for type checkers
typed.py       `Actor`: the same as a base class, for exact types
handle.py      `ActorHandle`: counted, passed on like a ref; methods to call
calls.py       calls become tasks whose place is fixed
naming.py      making, finding, killing
claims.py      names that the whole cluster knows
hosting.py     the worker's side: constructor, calls one after the other, the end
saving.py      its state, kept over restarts
mailbox.py     which calls may begin: pure
crowd.py       the worker's side of several calls at the same time: threads, coroutines
"""
