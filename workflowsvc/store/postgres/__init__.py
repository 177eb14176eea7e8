"""The store for many nodes: one PostgreSQL database."""
