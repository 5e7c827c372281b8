"""The audit record: appending, chains, seals, histories, and the proof that nothing of it was changed."""
