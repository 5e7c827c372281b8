"""The trading desk: legs that were handed over, blocks, what they filled, and how that was allocated."""
