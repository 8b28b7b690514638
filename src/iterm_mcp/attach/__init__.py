"""A live window of the headless host, shown in a person's own terminal."""
