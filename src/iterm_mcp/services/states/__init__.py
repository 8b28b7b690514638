"""What agents do, by all that is seen of them."""
