"""The planners of earlier rules, frozen: what they decided comes out again, byte for byte, in every later release.

In comes what was kept of a decision (snapshot, policy, mode, overrides and purpose, as JSON) and the version of the
rules that made it; out goes the plan in its public form, or a sentence why it can't be had (AUDIT-1). Only the
recomputation of kept decisions asks here.

- `rules_N/` is what `domain/decision.py` needed to plan when rules N were in force, copied but for the package's name
  in imports. Nobody edits it; it reads kept snapshots with its own values, whatever became of the domain's.
- `rules_N.sha256` has its hashes: `cd planners && sha256sum --check rules_1.sha256`.
- `frozen.py` finds a planner and refuses one that was changed; `python -m planners freeze` makes the next.
"""
