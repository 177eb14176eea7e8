"""The actions: one row and one function each, and the dispatcher."""
