"""Git worktrees for agents: made, brought together, and removed only when nothing is lost."""
