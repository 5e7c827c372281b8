"""Books: what files say, as values; refused whole, with every problem listed.

Knows values and targets.
"""
