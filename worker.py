"""The worker: settings, client, worker. Nothing else.

REBALANCER_DATABASE_URL names the database; Temporal's own profile variables name the server; REBALANCER_BUILD_ID the
version as which it works (docs/deploying.md). Run as many of these processes as the load asks for: the task queue
balances them.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

from temporalio.client import Client
from temporalio.worker import Interceptor, UnsandboxedWorkflowRunner, Worker, WorkerDeploymentConfig
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from acting import webhooks as acting_webhooks
from activities.blocks import BlockSteps
from activities.context import Desk
from activities.desks import DeskSteps
from activities.evaluation import EvaluationSteps
from activities.execution import ExecutionSteps
from activities.histories import HistoryKeeper, HistorySteps
from activities.knocking import knocking
from activities.minimums import MinimumSteps
from activities.orphans import asking
from activities.reconciliation import ReconciliationSteps
from activities.refusals import RefusalRecords
from activities.request_accounts import RequestAccountSteps
from activities.requests import RequestSteps
from activities.signal_accounts import SignalAccountSteps
from activities.signals import SignalSteps
from activities.sleeves import SleeveSteps
from activities.target import TargetSteps
from activities.trades import TradeSteps
from activities.turns import TurnSteps
from activities.webhooks import WebhookSteps
from anchors.settings import configured
from policy import trading_days
from storage.connection import Books
from storage.engine import DATABASE_URL, connect
from telemetry.serving import served
from telemetry.settings import BadSetting, endpoint, set_up_logs, traced
from venues.registry import Venues
from webhooks import destination
from webhooks.destination import Destinations
from workflows import deployment
from workflows.apply_model_signal import ApplyModelSignal
from workflows.archive_histories import ArchiveHistories
from workflows.connection import reached
from workflows.contract import TASK_QUEUE, WEBHOOK_QUEUE
from workflows.daily_target_evaluation import DailyTargetEvaluation
from workflows.endings import Endings
from workflows.inputs import OneInput
from workflows.rebalance_account import RebalanceAccount
from workflows.rebalance_request import RebalanceRequest
from workflows.recover_rebalance import RecoverRebalance
from workflows.refusals import Refusals
from workflows.send_events import SendEvents
from workflows.trade_block import TradeBlock
from workflows.venue_desk import VenueDesk

# Steps at once. Where one is free, the server hands the next step over with its answer to the workflow, past its queue.
THREADS = 20
WEBHOOKS = 100  # that are sent to at once
WORKFLOWS = (
    RebalanceAccount,
    RebalanceRequest,
    DailyTargetEvaluation,
    ApplyModelSignal,
    ArchiveHistories,
    RecoverRebalance,
    VenueDesk,
    TradeBlock,
)


def make_worker(
    client: Client,
    desk: Desk,
    threads: int = THREADS,
    version: WorkerDeploymentConfig | None = None,
    counting: Sequence[Interceptor] = (),
    sandboxed: bool = True,
) -> Worker:
    """A worker with every workflow and activity; tests make theirs with it too. To be called where the loop runs.

    The sandbox, which tests have, watches that workflows do nothing that a replay would do otherwise; it loads their
    files anew for every run, 8 % of the processor time of a whole rebalance.
    """
    loop = asyncio.get_running_loop()
    trading_days.load()
    desk = replace(desk, is_over=asking(client, loop), knock=knocking(client, loop, TASK_QUEUE))
    target, sleeves, minimums, trades = TargetSteps(desk), SleeveSteps(desk), MinimumSteps(desk), TradeSteps(desk)
    execution, reconciliation, evaluation = ExecutionSteps(desk), ReconciliationSteps(desk), EvaluationSteps(desk)
    desks, blocks = DeskSteps(desk), BlockSteps(desk)
    histories = HistorySteps(desk, client)
    signals = SignalSteps(desk)
    requests, request_accounts = RequestSteps(desk), RequestAccountSteps(desk)
    return Worker(
        client,
        task_queue=TASK_QUEUE,
        workflow_runner=SandboxedWorkflowRunner() if sandboxed else UnsandboxedWorkflowRunner(),
        workflows=WORKFLOWS,
        activities=[
            target.check_target,
            sleeves.verify_sleeves,
            minimums.check_minimums,
            trades.generate_trades,
            execution.begin_execution,
            execution.verify_decision,
            execution.submit_trades,
            execution.collect_fills,
            reconciliation.reconcile,
            reconciliation.close_rebalance,
            TurnSteps(desk).end_orphan,
            requests.begin_request,
            requests.take_accounts,
            requests.decide_request,
            requests.steer_request,
            requests.end_request,
            request_accounts.tell_accounts,
            request_accounts.look_after,
            evaluation.begin_evaluation,
            evaluation.evaluate_range,
            evaluation.end_evaluation,
            signals.begin_model_signal,
            signals.select_sleeves,
            signals.find_old_plans,
            signals.end_model_signal,
            SignalAccountSteps(desk).look_after_sleeves,
            desks.form_blocks,
            desks.tell_rebalances,
            desks.tell_late,
            blocks.send_block,
            blocks.watch_block,
            blocks.allocate_block,
            blocks.correct_block,
            histories.archive_page,
            histories.seal_day,
            histories.keep_months,
        ],
        interceptors=[
            *counting,
            Endings(HistoryKeeper(desk, client).ended),
            OneInput(),
            Refusals(RefusalRecords(desk).tell),
        ],
        activity_executor=ThreadPoolExecutor(threads, thread_name_prefix="step"),
        max_concurrent_activities=threads,
        deployment_config=version,
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=5),  # how long a dead worker holds up its workflows
        graceful_shutdown_timeout=timedelta(seconds=30),
    )


def make_sender(
    client: Client, desk: Desk, allowed: Destinations, version: WorkerDeploymentConfig | None = None
) -> Worker:
    """A worker that sends events to webhooks, and nothing else: its steps wait for others' servers."""
    sends = WebhookSteps(desk, allowed)
    return Worker(
        client,
        task_queue=WEBHOOK_QUEUE,
        workflows=[SendEvents],
        activities=[sends.send_events, sends.give_up_webhook],
        interceptors=[OneInput()],
        activity_executor=ThreadPoolExecutor(WEBHOOKS, thread_name_prefix="webhook"),
        max_concurrent_activities=WEBHOOKS,
        deployment_config=version,
        graceful_shutdown_timeout=timedelta(seconds=30),
    )


async def main() -> None:
    """Works until it is told to stop, then finishes what it has in hand."""
    url = os.environ.get(DATABASE_URL)
    if not url:
        sys.exit(
            f"worker: {DATABASE_URL} is not set: name the database, like postgresql://user:password@host/rebalancer"
        )
    engine = connect(url, pool_size=THREADS, lock_timeout="5s")  # a step that waits longer is better tried again
    try:
        set_up_logs(os.environ)
        told_at = endpoint(os.environ)
        client = await reached(runtime=told_at.runtime() if told_at else None)
        version = await deployment.config(client, os.environ)
        anchors = configured(os.environ)
        venues = Venues(engine)
        allowed = destination.from_environment(os.environ)
    except ValueError as flaw:
        sys.exit(f"worker: {flaw}")
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(each, stop.set)
    if traced(os.environ):
        from telemetry.traces import statements

        statements(engine)
    desk = Desk(Books(engine), venues, anchors=anchors)
    try:
        with served(engine, told_at) as counting:
            async with (
                make_worker(client, desk, version=version, counting=counting, sandboxed=False),
                make_sender(client, desk, allowed, version),
            ):
                told = f"version {version.version.build_id}" if version else "without a version"
                logging.getLogger("worker").info("polling task queue %s, %s", TASK_QUEUE, told)
                await acting_webhooks.start_all(desk.books, client)
                await stop.wait()
    except BadSetting as flaw:
        sys.exit(f"worker: {flaw}")
    engine.dispose()


if __name__ == "__main__":
    asyncio.run(main())
