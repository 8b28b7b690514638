"""Long runs under load, asked for by name: ``uv run python -m tests.stress``."""
