"""Recordings of sessions, as asciicast files: written while they run, read back, exported."""
