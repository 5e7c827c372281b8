"""Whole rebalances with blocks, at the paper venue and through FIX, while anything happens."""
