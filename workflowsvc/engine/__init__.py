"""The engine: one thread that owns executions in memory, long polls and background work, and commits in batches."""
