"""Metrics for Prometheus: what the service counts while it works, put into families when a reader asks.

`listener.py` gives them an address, `page.py` answers there, `collection.py` puts all parts together. Must not know
what a call does: it reads figures, and changes nothing.
"""
