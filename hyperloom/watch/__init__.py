"""Looking at a cluster, without changing anything: what the command line and the page show.

`Cluster` answers; its answers are plain values, and ``--json`` prints them as they are.
"""
