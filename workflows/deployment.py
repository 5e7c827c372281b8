"""Which version of the workers runs what: what is under way finishes on the code that it began with.

Asked by the worker when it starts, by the embedded stack, and by who deploys:

    python -m workflows.deployment                 the versions that the server knows
    python -m workflows.deployment current 0.2.0   from now on, new workflows start on that version
"""

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version

from temporalio.api.enums.v1 import VersionDrainageStatus
from temporalio.api.workflowservice.v1 import (
    DescribeWorkerDeploymentRequest,
    SetWorkerDeploymentCurrentVersionRequest,
)
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import WorkerDeploymentConfig

from workflows.connection import leave, reached

DEPLOYMENT = "rebalancer"
BUILD_ID, VERSIONING = "REBALANCER_BUILD_ID", "REBALANCER_VERSIONING"
BEHAVIORS = {"pinned": VersioningBehavior.PINNED, "auto_upgrade": VersioningBehavior.AUTO_UPGRADE}
STATES = {
    VersionDrainageStatus.VERSION_DRAINAGE_STATUS_DRAINING: "draining: what began on it is under way",
    VersionDrainageStatus.VERSION_DRAINAGE_STATUS_DRAINED: "drained: its workers may stop",
}


@dataclass(frozen=True, slots=True)
class Version:
    """A version that the server knows: its build id, and what it is to new workflows and to those under way."""

    build_id: str
    state: str


def package_version() -> str:
    """The build id of workers that are given none, where versions are in use."""
    return version("rebalancer")


async def config(client: Client, environment: Mapping[str, str]) -> WorkerDeploymentConfig | None:
    """As which version a worker works; None without one, as where no version was ever made current.

    REBALANCER_BUILD_ID names it. REBALANCER_VERSIONING says what becomes of a workflow under way when another version
    is made current: `pinned` (the default), it finishes on its own; `auto_upgrade`, it goes on with the new one.
    Raises ValueError where that is something else.
    """
    chosen = environment.get(VERSIONING) or "pinned"
    if chosen not in BEHAVIORS:
        raise ValueError(f"{VERSIONING}={chosen} is not one of {', '.join(BEHAVIORS)}")
    build_id = environment.get(BUILD_ID) or (package_version() if await current(client) else None)
    if build_id is None:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(DEPLOYMENT, build_id),
        use_worker_versioning=True,
        default_versioning_behavior=BEHAVIORS[chosen],
    )


async def current(client: Client) -> str | None:
    """The build id on which new workflows start; None where workers without a version take them."""
    known = await versions(client)
    return next((each.build_id for each in known if each.state.startswith("current")), None)


async def versions(client: Client) -> list[Version]:
    """Every version that ever worked here, the newest first; none where the server knows no such deployment."""
    asked = DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=DEPLOYMENT)
    try:
        told = (await client.workflow_service.describe_worker_deployment(asked)).worker_deployment_info
    except RPCError as flaw:
        if flaw.status in {RPCStatusCode.NOT_FOUND, RPCStatusCode.UNIMPLEMENTED}:
            return []
        raise
    now = told.routing_config.current_deployment_version.build_id
    listed = sorted(told.version_summaries, key=lambda each: each.create_time.ToNanoseconds(), reverse=True)
    return [
        Version(
            each.deployment_version.build_id,
            "current: new workflows start on it"
            if each.deployment_version.build_id == now
            else STATES.get(each.drainage_status, "not current: nothing starts on it"),
        )
        for each in listed
    ]


async def make_current(client: Client, build_id: str) -> None:
    """From now on new workflows start on that version. Raises RPCError where no worker of it polls."""
    await client.workflow_service.set_worker_deployment_current_version(
        SetWorkerDeploymentCurrentVersionRequest(
            namespace=client.namespace, deployment_name=DEPLOYMENT, build_id=build_id, identity=client.identity
        )
    )


async def main(arguments: list[str]) -> int:
    """Prints the versions, or makes one current. Exit status 1 where the server refuses, 2 for wrong usage."""
    client = await reached()
    match arguments:
        case []:
            for each in await versions(client):
                sys.stdout.write(f"{each.build_id:20} {each.state}\n")
        case ["current", build_id]:
            try:
                await make_current(client, build_id)
            except RPCError as flaw:
                sys.stderr.write(f"{build_id} is not made current: {flaw.message}. Is a worker of it running?\n")
                return 1
            sys.stdout.write(f"new workflows start on version {build_id}\n")
        case _:
            sys.stderr.write("usage: python -m workflows.deployment [current BUILD-ID]\n")
            return 2
    return 0


if __name__ == "__main__":
    leave(asyncio.run(main(sys.argv[1:])))
