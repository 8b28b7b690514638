"""What ``iterm-mcp doctor`` looks at, one module a part; each check says what to do."""
