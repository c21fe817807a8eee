"""One session on one machine: its folder, starting its raylet, joining it as a driver."""
