"""What agents and commands take of the machine, and what keeps them from taking too much."""
