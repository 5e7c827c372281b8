"""The way to Temporal: the same profile file and variables as the `temporal` CLI's."""

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.envconfig import ClientConfig


async def connect(address: str | None = None, namespace: str | None = None) -> Client:
    """A client of the server that TEMPORAL_ADDRESS and the like name, or of the one given."""
    options = ClientConfig.load_client_connect_config()
    if address:
        options["target_host"] = address
    if namespace:
        options["namespace"] = namespace
    options.setdefault("target_host", "localhost:7233")
    return await Client.connect(**options, data_converter=pydantic_data_converter)
