"""Moves a stopped installation from one store to another.

Owns the order in which it is carried over, the place to go on from when that is interrupted, and the proof that all
of it has arrived. Rows are carried as they are, names, positions and keys included: whatever was given out before,
task tokens above all, is good afterwards. It knows stores by their interface alone.
"""
