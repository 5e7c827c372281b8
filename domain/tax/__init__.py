"""Tax: lots, wash sales, netting and a household's year.

Knows values and targets.
"""
