"""Processor time of what a benchmark started, while it runs."""

import subprocess
import sys

from benchmarks.processor import used

BURN = """
import time, sys
end = time.process_time() + 0.3
while time.process_time() < end:
    pass
print(flush=True)
sys.stdin.read()
"""


def test_a_child_counts_while_it_runs() -> None:
    before = used()
    with subprocess.Popen([sys.executable, "-c", BURN], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        running = used()
        child.communicate()
    assert running["Python"] - before["Python"] >= 0.25
    assert running["PostgreSQL"] == before["PostgreSQL"]
