"""The object store of one node: one file of tests for each promise."""
