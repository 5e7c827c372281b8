"""Planning: from bands to orders whose cash is known.

Comes in a case, leaves a proposal. Knows values, targets and tax.
"""
