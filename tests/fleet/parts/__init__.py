"""The parts of a simulated daemon: each drives the observers of one subject."""
