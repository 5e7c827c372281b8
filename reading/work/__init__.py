"""What is to be done and what was: queue, requests, rebalances and approvals, read for whoever asks."""
