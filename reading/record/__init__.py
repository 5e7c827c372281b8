"""What auditors ask: the story of a rebalance, the record's proof and export, a decision computed again."""
