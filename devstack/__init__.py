"""Temporal and PostgreSQL on one machine with nothing installed.

`make up` and `make demo` run the whole stack from two wheels; the tests take its pieces. Nothing here
is needed in production, where the same worker and commands are given URLs of real servers.

| file | decides |
|---|---|
| `stack` | what belongs to a stack, in which order it starts, what happens when a part dies |
| `connection` | how other processes find a running stack (imports fast: the CLI asks at startup) |
| `application` | what of the rebalancer itself a stack runs: migrations, schedule, workers |
| `postgres`, `temporal` | how each server is made, started, awaited, stopped and killed |
| `cluster` | how a PostgreSQL data folder is made |
| `workers` | what happens when a worker dies |
| `processes`, `launch`, `unprivileged` | how a child process lives, ends with us, and as which user |
| `orphans`, `ports` | what others left running, what others use |
"""
