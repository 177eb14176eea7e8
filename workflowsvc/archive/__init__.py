"""Histories of deleted runs, kept outside the database: one compressed object a run, in a folder or a bucket.

Owns their names, their form, the places that hold them, and the thread that writes a run there before it is deleted.
"""
