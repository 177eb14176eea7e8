"""The 39 operations."""
