"""The way to Temporal: by the profile file and variables of the `temporal` CLI, or straight to a stack of our own."""

import asyncio
import os
import sys
from typing import NoReturn

from temporalio.client import Client, Interceptor
from temporalio.envconfig import ClientConfig
from temporalio.runtime import Runtime

from payloads.settings import converter, ring
from telemetry.settings import traced

DEFAULT = "localhost:7233"
PATIENCE = 10  # seconds that the server is given to answer


async def connect(address: str | None = None, runtime: Runtime | None = None) -> Client:
    """A client of the server at an address, else of the one that TEMPORAL_ADDRESS and the like name.

    An address given is an embedded stack's: whatever credentials the environment holds are for other clusters.
    With REBALANCER_PAYLOAD_KEYS, what it sends is encrypted. Raises BadKeyFile.
    `runtime` is the SDK's, where its figures are told.
    """
    payloads, watching = converter(ring(os.environ)), _watching()
    if address:
        return await Client.connect(address, data_converter=payloads, runtime=runtime, interceptors=watching)
    options = ClientConfig.load_client_connect_config()
    options.setdefault("target_host", DEFAULT)
    return await Client.connect(**options, data_converter=payloads, runtime=runtime, interceptors=watching)


def _watching() -> list[Interceptor]:
    """Traces, where an endpoint for them is set."""
    if not traced(os.environ):
        return []
    from telemetry.traces import interceptor

    return [interceptor()]


async def reached(runtime: Runtime | None = None) -> Client:
    """A client of the server that the environment names; where it does not answer, the process ends with a line."""
    try:
        return await asyncio.wait_for(connect(runtime=runtime), PATIENCE)
    except (ValueError, RuntimeError, OSError, TimeoutError) as flaw:
        where = os.environ.get("TEMPORAL_ADDRESS", DEFAULT)
        away = f"Temporal does not answer at {where}. Next: set TEMPORAL_ADDRESS to where it does"
        sys.stderr.write(f"{flaw if isinstance(flaw, ValueError) else away}\n")
        leave(1)


def leave(code: int) -> NoReturn:
    """Ends a process in which a client was used, without Python's own tidying up.

    The client's threads may outlive the interpreter and abort the process on its way out, after the work is done, with
    an exit status that means nothing (temporalio/sdk-python issue 300).
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
