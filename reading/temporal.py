"""The way to Temporal that a question or an act is handed: asked for a client only when one is needed."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from temporalio.client import Client

Connect = Callable[[], Awaitable["Client"]]  # raises Refused where Temporal does not answer
