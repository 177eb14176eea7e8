"""Pushes the feeds of domains to webhooks: which entries, when, how they are sent, and which node does it."""
