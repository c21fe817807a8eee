"""HyperLoom: very many small tasks, with a database for a control plane."""
