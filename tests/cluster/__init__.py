"""Real processes on one host, through the public API."""
