"""The embedded store: one SQLite file, or memory, used by one process."""
