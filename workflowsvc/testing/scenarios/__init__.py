"""The language of scenarios: what clients do, and what the service answers, as short text.

Owns the form of the text and its verbs. The project's own scenarios are in `tests/histories/`, whose README describes
the language; `workflowsvc.testing.histories` makes histories for unit tests of deciders with it.
"""
