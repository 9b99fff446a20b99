"""Command `kg serve`: opens the store, binds the port, prints the addresses, and runs the HTTP server."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import sys
import threading
from functools import partial
from typing import Annotated

import typer
from rich.console import Console

from api.server.http_protocol import trusted_proxies
from api.server.process_supervisor import Programs, SupervisorLimits, supervise, web_process_count
from api.server.server_programs import ServerPrograms
from kg.cli.options_and_store_opening import Data, configuration
from kg.config import Config
from kg.errors import BadInput
from kg.processes.remote_store import StoreDescription
from kg.store.directory_metadata import FILE as META

_FIRST_QUERY = """curl -s {address}sparql -H 'Accept: text/csv' --data-urlencode 'query=
PREFIX cg: <https://w3id.org/claimgraph/ns#> PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
SELECT ?who ?kind ?what WHERE {{
  VALUES ?kind {{ cg:Refusal cg:NonResponse }}
  ?event a cg:ReportedFact, ?kind ; cg:actor/rdfs:label ?who ; rdfs:label ?what .
  FILTER(LANG(?who) = "en" && LANG(?what) = "en") }}'"""


def serve(
    data: Data = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (KG_HOST).")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on, 0 for a free one (KG_PORT).")] = None,
    bare: Annotated[
        bool, typer.Option("--bare", help="An empty plain SPARQL 1.1 store, without seed or managed graphs.")
    ] = False,
) -> None:
    """Serve the graph over HTTP; a new store gets the seed article."""
    run(configuration(data).with_options(host=host, port=port, bare=bare or None))


def run(config: Config) -> None:
    """Serve until interrupted; then requests in progress are finished and the store is closed properly.

    Raises:
        StoreUnavailable: the store is in use by another process.
        BadInput: the server cannot listen on the address.
    """
    logging.getLogger("rdflib.term").setLevel(logging.ERROR)  # it logs ill-typed literals with tracebacks
    # The supervisor has no thread that writes a log; commands leave its messages out otherwise.
    logging.getLogger("claimgraph.server").addHandler(logging.StreamHandler())
    with _listen(config) as listener:
        port = listener.getsockname()[1]
        host = f"[{config.http.host}]" if ":" in config.http.host else config.http.host
        address = f"http://{host}:{port}/"
        made = config.access.token is None
        config = config.with_options(
            port=port,
            token=config.access.token or secrets.token_urlsafe(24),
            base_iri=config.store.base_iri or _base(config, address),
        )
        webs = web_process_count(config.http)
        programs = ServerPrograms(config, webs)
        announce = partial(_announce, config, address, made=made)
        code = supervise(
            listener,
            Programs(programs.write, programs.serve, announce),
            webs,
            SupervisorLimits.of(config.http, trusted_proxies()),
        )
    _leave_stuck_threads(code)
    raise typer.Exit(code)


def _leave_stuck_threads(code: int) -> None:
    """End the process if a thread that cannot be cancelled would keep it alive; all commits are on disk already."""
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        sys.stdout.flush()
        os._exit(code or 130)


def _base(config: Config, address: str) -> str | None:
    """Return the server's own address as the base IRI of a new store; ``None`` for an existing store."""
    if (config.store.data_dir / META).exists():
        return None
    everywhere = config.http.host in ("", "0.0.0.0", "::")  # noqa: S104 - compared, not listened on
    return f"http://127.0.0.1:{config.http.port or 8000}/" if everywhere else address


def _listen(config: Config) -> socket.socket:
    """Return a listening socket.

    Raises:
        BadInput: the address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in config.http.host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.http.host, config.http.port))
        listener.listen()  # before the address is printed, so that a client can connect at once
    except OSError as error:
        listener.close()
        raise BadInput(
            f"Cannot listen on {config.http.host}, port {config.http.port}: {error.strerror}.",
            remedy="Choose another --port (0 for a free one) or --host.",
        ) from None
    return listener


def _announce(config: Config, address: str, *, made: bool) -> None:
    """Print the address, a generated token (``made``), and a query to start with."""
    out = Console(highlight=False, soft_wrap=True)
    out.print(f"Claimgraph listens on {address} (stop it with Ctrl-C)", markup=False)
    if made:
        token = config.access.token
        out.print(f"Token for writes, shown only now (set KG_TOKEN to choose your own): {token}", markup=False)
    if config.store.bare:
        out.print("A bare SPARQL 1.1 store: /sparql, /update, /graphs")
        return
    base = StoreDescription.read(config.store.data_dir).names.base
    if base != address:
        out.print(f"IRIs in this store start with {base}", markup=False)
    out.print("A first query to paste:\n" + _FIRST_QUERY.format(address=address), markup=False)
