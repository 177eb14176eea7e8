"""Backups of a SQLite store, and the epoch that begins when one is restored.

Owns what a backup says of itself, its checksum, the folder that backups are kept in, how fast one is made, and when the
next one is due. How pages are copied is the store's; it must not know the engine.
"""
