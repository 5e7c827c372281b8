"""What Temporal keeps of us, encrypted: a codec for its payloads, the keys it works with, a server for UI and CLI.

In come payloads as workflows and clients make them; out go the same, of which Temporal's database, its UI and its
backups show nothing but the key's id. Ids and search attributes stay readable: work is found by them.
"""
