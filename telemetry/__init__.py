"""How a worker tells how it is: figures for Prometheus, and log lines for machines.

In come the environment and what the worker does; out go an endpoint to scrape and lines. Nothing is decided by it.
"""
