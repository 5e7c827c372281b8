"""Anchors: where the hash of a seal is kept so that nobody who may write to the database can change it.

Whoever makes a seal comes in with it; a receipt leaves. One port (`port`), an adapter a file; `settings` says which an
installation has. A further one is a class with a `name` and a `keep`, and a word in `settings`.
"""
