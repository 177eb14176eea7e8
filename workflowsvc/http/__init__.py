"""The HTTP side: framing, deadlines, AWS JSON, the process that serves it."""
