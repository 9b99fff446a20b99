"""Programs of the processes of `kg serve`: what the writer runs, and what each web process runs."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass, field

from api.app import create_app
from api.edge.access_and_server_log import logging_to
from api.edge.edge_middleware import AccessObserver
from api.edge.metrics_board import MetricsBoard
from api.server.connection_adoption import ConnectionAdoption
from api.server.connection_limit_settings import ConnectionLimits
from api.server.http_protocol import LimitedServer
from kg.config import Config
from kg.processes import writer_process
from kg.processes.query_and_write_service import QueryService
from kg.processes.remote_store import StoreDescription
from kg.store.snapshots import NewestNumber

READERS = 3
"""Readers of each web process, unless KG_READERS states the number of all.

One is left to other clients; with two, all other queries of a client would wait for a slow one of its own.
"""


@dataclass(frozen=True)
class ServerPrograms:
    """Programs over one data directory, which share the number of the newest snapshot and the metrics.

    Attributes:
        config: settings of the whole server.
        webs: number of web processes.
    """

    config: Config
    webs: int
    newest: NewestNumber = field(default_factory=NewestNumber)
    words: writer_process.LastWords = field(default_factory=writer_process.LastWords)
    board: MetricsBoard = field(init=False)

    def __post_init__(self) -> None:
        """Make the memory that the processes share."""
        object.__setattr__(self, "board", MetricsBoard(self.webs))

    def write(self, control: socket.socket) -> None:
        """Run the writer until its control socket is closed.

        Raises:
            StoreUnavailable: the store cannot be opened.
        """
        log = os.fdopen(os.dup(sys.stderr.fileno()), "w")  # the descriptor itself is for what the engine prints
        with log, logging_to(log, self.config.http.log, AccessObserver()):
            writer_process.run(control, self.config, self.newest, self.words)

    def serve(self, control: socket.socket, index: int) -> None:
        """Run a web process until it is stopped by a signal.

        Raises:
            StoreUnavailable: the description of the store cannot be read.
        """
        config = share(self.config, self.webs)
        service = QueryService(StoreDescription.read(config.store.data_dir), config, self.newest)
        application = create_app(service, config, self.board, index)
        observer = application.state.observer
        with logging_to(sys.stderr, config.http.log, observer):
            refused = observer.metrics.refused
            adoption = ConnectionAdoption(control, service.writer_changed, refused)
            limits = ConnectionLimits.of(config.http, refused, self.webs)
            seconds = config.http.shutdown_seconds
            server = LimitedServer(application, limits, seconds, adoption, service.no_more_writers)
            server.run_adopting()


def share(config: Config, webs: int) -> Config:
    """Return the settings of one of ``webs`` web processes: its part of what is limited for all together."""
    queries, http = config.queries, config.http

    def part(whole: int) -> int:
        return -(-whole // webs)

    return config.with_options(
        readers=part(queries.readers) if queries.readers else READERS,
        max_queries=part(queries.max_queries),
        max_queries_per_client=part(queries.max_queries_per_client),
        cache_bytes=part(queries.cache_bytes),
        max_sending_bytes=max(part(http.max_sending_bytes), 1024 * 1024),
    )
