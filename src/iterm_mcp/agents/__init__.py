"""How each kind of agent is spoken to: one module a kind, and the registry of kinds."""
