"""A terminal without a screen: real shells on real PTYs, spoken to through iTerm2's API."""
