"""Objects from node to node."""
