"""Remembering: the private interface of all stores, and the stores themselves."""
