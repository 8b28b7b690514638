"""Prometheus and Alertmanager beside the daemon: configured, started, watched and ended."""
