"""Sessions: found, opened, changed, typed into, locked, ended."""
