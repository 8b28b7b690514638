"""Whole pieces of work, declared in one document."""
