"""Budgets: what is spent is added up as it is kept, and steps towards a limit are acted on."""
