"""Whether the fake agent still behaves as the real one: the same script for both, side by side."""
