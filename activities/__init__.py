"""The steps of workflows; one file a step: load, call the domain, store, in one transaction.

Every activity can run twice: it finds what it already decided and answers the same.
"""
