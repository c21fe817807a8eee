"""What people are shown of a cluster that runs: one node for all, in states made by conditions."""
