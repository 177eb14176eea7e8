"""The rules of SWF: pure and synchronous; no clock, no store, no randomness, no logging."""
