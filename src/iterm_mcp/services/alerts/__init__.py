"""Alerts: what is wrong or waits is found, kept, shown, and told to people."""
