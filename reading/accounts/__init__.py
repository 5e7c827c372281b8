"""One account as the books have it, and its breaks."""
