"""What agents ask, and who answers."""
