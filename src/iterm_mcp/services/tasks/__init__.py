"""What tasks consist of: agents, commands, worktrees, and what is asked of their results."""
