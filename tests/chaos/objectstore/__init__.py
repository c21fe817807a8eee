"""The object store while its processes are killed at random."""
