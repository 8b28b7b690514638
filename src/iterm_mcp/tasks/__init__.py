"""Durable work: the only package that knows the task engine and the database behind it."""
