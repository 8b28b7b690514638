"""Who does a piece of work, and how: chosen by how such work went."""
