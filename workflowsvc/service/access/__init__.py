"""What is stored of users, groups, keys and policies, and how a node keeps what it knows of them fresh.

`records.py` has the rows, `changes.py` how they are changed, `stored_book.py` the snapshot that calls are judged by,
`book_holder.py` how it is kept fresh, `master_key.py` the key that secrets are encrypted with. The operations are in
`service/own/`.
"""
