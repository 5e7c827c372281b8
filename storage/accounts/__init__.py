"""One account, or a page of them: its books, its target, its breaks, and the snapshot that is decided on."""
