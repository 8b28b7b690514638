"""What happens when something is asked for."""
