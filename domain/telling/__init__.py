"""Telling: a plan in words and in its public form; decides nothing.

Knows what planning leaves, and the plan.
"""
