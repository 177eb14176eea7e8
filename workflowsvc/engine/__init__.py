"""Doing: the lane that owns executions in memory, the long polls, the alarm."""
