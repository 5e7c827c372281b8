"""The installation's figures as Prometheus reads them, from the database, and not more often than needed."""

import threading
import time
from collections.abc import Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from storage.work.figures import FIGURES, read

FRESH = 10.0  # seconds for which an answer is good: several may scrape
UP = "rebalancer_database_up"


class Installation(Collector):
    """What `storage/work/figures.py` reads, and whether it could be read."""

    def __init__(self, engine: Engine, registry: CollectorRegistry) -> None:
        self.engine = engine
        self._lock = threading.Lock()
        self._told: list[Metric] = []
        self._read_at = float("-inf")
        registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """The names alone, so that registering asks no database."""
        return [GaugeMetricFamily(figure.name, figure.says) for figure in FIGURES]

    def collect(self) -> Iterable[Metric]:
        """All figures; where the database is away, only that it is."""
        with self._lock:
            if time.monotonic() - self._read_at > FRESH:
                self._told = list(self._figures())
                self._read_at = time.monotonic()
            return self._told

    def _figures(self) -> Iterable[Metric]:
        told: list[Metric] = []
        try:
            with self.engine.connect() as connection:
                for figure, rows in read(connection):
                    family = GaugeMetricFamily(figure.name, figure.says, labels=[figure.label] if figure.label else [])
                    for label, number in rows:
                        family.add_metric([label] if figure.label else [], number)
                    told.append(family)
        except SQLAlchemyError:
            return [GaugeMetricFamily(UP, "1 where the database answers.", value=0)]
        return [*told, GaugeMetricFamily(UP, "1 where the database answers.", value=1)]
