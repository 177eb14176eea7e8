"""Who may do what: signatures, principals and keys, policies. Pure: without a store, a clock or a network.

`caller.py` says who makes a call, `book.py` what an installation knows of its principals, `policy.py` how a request is
judged. Must not know actions' functions, HTTP connections or stores.
"""
