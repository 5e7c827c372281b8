"""Input from anywhere: what people and scripts hand in is broken at random, and must be taken or refused in words."""
