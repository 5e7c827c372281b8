"""The server and the client of the workflow tests, and a broker's world of the FIX tests."""

from tests.venues.fix.conftest import world
from tests.workflows.conftest import client, temporal_server

__all__ = ["client", "temporal_server", "world"]
