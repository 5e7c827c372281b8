"""Who somebody is, what they may, and how a decision of theirs is proven. Pure: no database, no clock, no Temporal.

`person`, `roles` and `claims` are plain Python: workflows may know them. `envelope`, `passwords`, `passkeys`, `tokens`
and `keys` use cryptography, which no workflow's thread may call: activities, the console and commands do.
"""
