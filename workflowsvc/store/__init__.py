"""Storing: the protocols, rows and errors that all stores share, and the stores themselves."""
