"""What happened, taken in, understood, counted and told."""
