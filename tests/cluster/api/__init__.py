"""What the public API promises, on a real embedded node and, where sensible, inline."""
