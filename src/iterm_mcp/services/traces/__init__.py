"""What happens, as spans of traces: messages, agents' lives and turns, tasks."""
