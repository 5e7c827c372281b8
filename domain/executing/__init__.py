"""Executing: a plan becomes legs, fills become books, books are compared with the custodian's.

Knows values, tax and how buys are sized.
"""
