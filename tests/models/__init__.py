"""Dumb second implementations: what the real ones are tested against."""
