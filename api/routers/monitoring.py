"""For those who run the server: is it alive, is it ready, how is it doing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from api.app_context import AllServices, Shared
from api.authorization import caller
from api.edge.edge_middleware import AccessObserver
from api.edge.metrics import MEDIA_TYPE, MetricsSource
from api.rendering import openapi_helpers
from kg.errors import StoreUnavailable
from kg.store.store_protocols import Rows

router = APIRouter(tags=["Operations"])

_FRESH = {"Cache-Control": "no-store"}
_NEWEST = """PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>
SELECT (MAX(?date) AS ?newest) {
  ?article <http://purl.org/dc/terms/issued> ?date . FILTER(DATATYPE(?date) = xsd:date)
}"""


class Health(BaseModel):
    """A sign of life."""

    status: str = Field(examples=["ok"])


class Readiness(BaseModel):
    """What is served."""

    status: str = Field(examples=["ready"])
    snapshot: int = Field(description="Number of the snapshot that queries read.")


@router.get("/healthz", summary="Tell whether the process is alive", response_model=Health)
async def healthz(response: Response) -> Health:
    """Answer at once, without a look at the store. Restart the process when this fails."""
    response.headers.update(_FRESH)
    return Health(status="ok")


@router.get(
    "/readyz",
    summary="Tell whether queries are answered",
    response_model=Readiness,
    responses=openapi_helpers.fails(503),
)
async def readyz(request: Request, response: Response) -> Readiness:
    """Tell that a snapshot is published and that a reader has answered lately. Send no requests while this fails."""
    number = await _ready(observer(request).metrics.endpoint)
    response.headers.update(_FRESH)
    return Readiness(status="ready", snapshot=number)


async def _ready(endpoint: MetricsSource | None) -> int:
    """Give the number of the snapshot that is served.

    Raises:
        StoreUnavailable: there is none, or no reader answers.
    """
    if endpoint is None:
        raise StoreUnavailable("The store is not open yet.", remedy="Wait a little and ask again.")
    if not await endpoint.probe():
        raise StoreUnavailable("No reader answers.", remedy="Look into the server's log, or restart it.")
    return endpoint.number


async def _authorized(request: Request, shared: Shared) -> AllServices:
    """Let a reader of the metrics pass.

    An address of this machine is no reason to: behind a proxy on it, everybody comes from there.

    Raises:
        Unauthorized, InsufficientScope: the metrics are not public, and the caller is no administrator.
    """
    if not shared.config.access.metrics_public:
        caller(request, shared).require("admin")
    return shared


@router.get(
    "/metrics",
    summary="Read the metrics",
    response_class=Response,
    responses={
        200: {"description": "Prometheus's text format.", "content": {"text/plain": {}}},
        **openapi_helpers.fails(401, 403),
    },
)
async def metrics(request: Request, shared: Annotated[AllServices, Depends(_authorized)]) -> Response:
    """Give counters, latencies, memory and freshness.

    It needs a token with the scope `admin`, unless KG_METRICS_PUBLIC is true.
    """
    found = observer(request)
    if not shared.config.store.bare:
        found.metrics.newest_article = await shared.in_thread(_newest, shared.graph.store)
    if found.log is not None:
        found.metrics.dropped = found.log.writer.dropped
    return Response(found.metrics.text(), headers={"Content-Type": MEDIA_TYPE, **_FRESH})


def _newest(store: Rows) -> float | None:
    """Give the date of the newest article, in seconds of the Unix epoch."""
    rows = store.rows(_NEWEST)
    found = rows[0].get("newest") if rows else None
    if found is None:
        return None
    try:
        day = date.fromisoformat(str(getattr(found, "value", ""))[:10])
    except ValueError:  # a graph of a user says otherwise
        return None
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def observer(request: Request) -> AccessObserver:
    """Give where the application counts."""
    found = request.app.state.observer
    assert isinstance(found, AccessObserver)
    return found
