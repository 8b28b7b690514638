"""Graphs of tasks as documents: read, checked, tried dry, and drawn."""
