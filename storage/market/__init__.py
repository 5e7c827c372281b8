"""What is true of everybody: securities, prices, models, identifiers, and the firm's business day."""
