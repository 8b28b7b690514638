"""Random input without end, asked for by name: ``uv run python -m tests.fuzz api|output``."""
