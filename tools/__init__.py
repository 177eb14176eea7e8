"""Helpers of the workshop: what tests, benches and demonstrations need and users do not."""
