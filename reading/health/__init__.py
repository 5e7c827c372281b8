"""Does the rebalancer work, and what is wrong with one account: checks, each with what to do about it."""
