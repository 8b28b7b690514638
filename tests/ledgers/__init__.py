"""Recorded ledgers with what really happened, and how well states follow from them."""
