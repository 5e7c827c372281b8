"""Questions answered as values with their public JSON. Knows no front end: commands and pages show what is read here.

Rooms: `work/` (queue, requests, rebalances, approvals), `accounts/`, `market/` (targets, models), `record/` (what
auditors ask), `health/` (does it work, what is wrong with an account), `files/` (books and deliveries as they come).
"""
