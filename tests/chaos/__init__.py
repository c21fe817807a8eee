"""What the system does while its processes are killed, stopped and starved at random."""
