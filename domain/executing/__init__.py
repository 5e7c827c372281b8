"""Executing: a plan becomes legs, legs become blocks, fills are divided and become books, books are compared.

Knows values, tax and how buys are sized.
"""
