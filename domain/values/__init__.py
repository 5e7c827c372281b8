"""Values: what every rule works on.

Money, keys, the policy's numbers, snapshots, rules and findings. Comes in from books and storage; knows no other room.
"""
