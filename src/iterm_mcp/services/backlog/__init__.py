"""What a repository's comments say is left undone, made into tasks."""
