"""What a person or a program may ask for over HTTP."""
