"""Real, unmodified SWF clients run against a real server: `python -m interop [client …]`.

Owns installing the clients (each in a place of its own), driving them through whole life cycles and checking
the histories they leave behind. Knows nothing of the server's inside: it starts `workflowsvc serve` as any
user would
and talks to it over HTTP. What each client does and how it finds its endpoint: docs/clients.md.
"""
