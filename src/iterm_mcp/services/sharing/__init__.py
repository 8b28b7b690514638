"""What agents leave for each other."""
