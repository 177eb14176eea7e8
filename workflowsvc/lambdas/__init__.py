"""Functions of Lambda tasks: where they are, which addresses may be called, and calling them over HTTP."""
