"""Targets: what an account should hold and what it holds, with bands, restrictions and minimums.

Knows values.
"""
