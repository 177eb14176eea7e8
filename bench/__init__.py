"""What the service costs, measured from outside: `python -m bench` (or `make bench`).

A load generator, the servers it drives, and one file per question in `scenarios/`. It speaks raw HTTP,
because boto3 would measure itself, and knows nothing of the service's inside; only `preload.py` writes a
store directly.
"""
