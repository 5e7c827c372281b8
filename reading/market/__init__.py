"""Targets, models and signals as they are now."""
