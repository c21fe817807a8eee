"""The pure pieces of core, and the words between processes."""
