"""What comes in from outside: books, prices, statements of custodians, corporate actions, models, edited targets."""
