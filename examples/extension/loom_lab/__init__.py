"""What the lab's nodes can do."""
