"""Calls of other hosts over HTTP: which addresses may be called, and connections to no others."""
