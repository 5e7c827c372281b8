"""What is under way: queue, evaluations, requests, rebalances, orders, signals; where they go, and what stops them."""
