"""Results in files: checkpoints, which a plan goes on from, and the cache, which runs share.

    files.py     a file of results: its bytes, how it is written whole and read checked
    cache.py     a folder of such files by key, of bounded size
    loading.py   the values of a file

The rule: a file is believed when it is whole and its key is the one expected, and never
otherwise.  The key (`hyperloom.core.keys_of_calls`) says what made the results; nobody looks at
times of change.
"""
