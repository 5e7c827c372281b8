"""Blocks step by step, without a workflow: what a worker, a venue and a custodian may do to one, in any order."""
