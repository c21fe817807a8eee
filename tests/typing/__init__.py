"""What type checkers are told of the public API."""
