"""The laws at large: generated accounts with everything on at once, planned, and every law asked. `make laws`."""
