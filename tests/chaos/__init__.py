"""Chaos: the whole stack at work while its parts are killed, and the proof afterwards. `python -m tests.chaos`."""
