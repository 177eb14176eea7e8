"""What people see in a terminal: histories in few lines, tables, trees, colours and progress.

Owns how things look, not what is asked: `text.py` and `history.py` are functions of their arguments, `screen.py` writes
with rich. It must not know the commands or the client.
"""
