"""Traces: what W3C and OpenTelemetry call a history, as functions of their arguments.

Owns the ids that follow from a runId, the header `traceparent`, the spans of a history and their JSON. It knows neither
the service nor a network, and does not import OpenTelemetry.
"""
