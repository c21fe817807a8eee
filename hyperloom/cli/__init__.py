"""The command line, ``loom``: one file for each command.  Thin: what it does is in lower floors."""
