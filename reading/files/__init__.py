"""Books and deliveries as they come, into values; what is wrong with a file is told by its lines."""
