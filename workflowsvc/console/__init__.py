"""The console: web pages that show what is going on, and why it does not go on, from the service's own API.

`app.py` is the application, `pages/` has one file for each page, `listener.py` gives it an address. Must not know the
store, the engine or the core: whatever a page shows or does, a client of the API can.
"""
