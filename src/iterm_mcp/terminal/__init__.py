"""How we speak to a terminal: iTerm2 itself, or our own host."""
