"""A backlog in Redis that daemons share which have only a file each. Never the store of record."""
