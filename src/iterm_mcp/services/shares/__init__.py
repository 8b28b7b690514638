"""Shares: files of what happened that others may read by a link, for a while."""
