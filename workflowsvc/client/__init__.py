"""A small client of SWF and of this service's own API, for the command line.

Owns where a server is and who asks (`profile.py`), signatures (`signing.py`), calls over HTTP (`client.py`) and the
failures of a call (`problems.py`). It must not know the service: it talks to any server that answers as SWF does.
Why it is not botocore: docs/decisions/0026.
"""
