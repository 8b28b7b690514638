"""Messages, and what becomes of each."""
