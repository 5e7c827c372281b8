"""The tables as they are: names, columns, constraints. Knows nothing else of ours; migrations make them."""
