"""Which steps happen in which order; one file a workflow type. No arithmetic, no SQL, no clock of their own."""
