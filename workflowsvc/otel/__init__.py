"""Live traces: what the server does for each call, as spans of OpenTelemetry, sent while it runs.

The only package that imports OpenTelemetry, and imported only when traces are asked for. Must not know what a call
does; the parts below know it by the protocol in `http/call_tracer.py`.
"""
