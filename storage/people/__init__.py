"""Who signs in, by what, and what they decided: people, sessions, passkeys, tokens, public keys, decisions."""
