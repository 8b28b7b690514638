"""What sessions print: read, waited for, watched, logged."""
