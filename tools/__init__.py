"""Tools for developing workflowsvc: used by tests, benches and demonstrations, not by the service."""
