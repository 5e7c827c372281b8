"""Feeds: files as custodians, brokers, fund companies and vendors send them, read into lines that everybody knows.

In come the bytes of a file and a definition (`policy/feeds/*.yaml`: data, no code); out go positions, prices or
weights as `reading` has them, which become lines of `domain/books/deliveries.py`. Nothing here knows the database, and
nothing is guessed: what a definition does not name is refused in words.

`definition` (what may be said of a feed) and `catalogue` (which there are, and which one a file is of) · `sheets`
(a table out of text), `fixed`, `workbook`, and the messages `flex`, `ofx`, `semt002`, `mt535` (all give rows) ·
`transforms` (a cell into a value) · `reading` (rows into what the feed gives) · `draft` (a first map for a person).
"""
