"""workflowsvc: a self-hosted, wire-exact, durable implementation of Amazon Simple Workflow Service (SWF)."""

__version__ = "0.1.0"
