"""`rebalancer`, the operator's command: what people and scripts type and read."""
