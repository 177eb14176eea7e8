"""Recorded histories played against a real decider, which is asked what it would decide today.

A shadow domain hands out the decision tasks of the recordings over HTTP and compares the answers with what was decided
then. Nothing is executed. `commands/replay.py` is in front of it.
"""
