"""Copies a stopped installation from one store to another.

Owns the order of copying, the checkpoint to resume from after an interruption, and the proof that every row has
arrived. Rows are copied unchanged, names, positions and keys included, so that task tokens and page tokens issued
before stay valid. It knows stores by their interface alone.
"""
