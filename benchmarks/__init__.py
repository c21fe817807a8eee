"""How fast, beside what else: each row measures us and its baselines in one run.

Absolute figures of a shared machine mean little: the same row differs by half within an hour.
So a row never stands alone.  What is compared runs alternately (A B A B ...), medians are
compared, and the promise is a ratio.  And a row that computes something checks its answer: a
wrong result is a failure, not a fast one.

``python -m benchmarks --help``; the rows are in `benchmarks.rows`, one idea a file.
"""
