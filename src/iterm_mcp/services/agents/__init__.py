"""Agents: registered, started, looked after, ended."""
