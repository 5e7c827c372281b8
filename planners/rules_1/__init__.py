"""The rules of rebalancing. Pure: values in, values out; no I/O, no clock, no Temporal, no SQL.

`plan.plan(snapshot, policy)` is the heart: what-if, workflow, daily evaluation and audit all call it.
"""
