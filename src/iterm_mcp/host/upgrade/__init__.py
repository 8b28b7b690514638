"""Going on with new code in the same process: its programs stay its children."""
