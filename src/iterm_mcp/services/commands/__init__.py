"""Commands run in shells, and how they ended."""
