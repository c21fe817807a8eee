"""Looking at a cluster: what needs no node."""
