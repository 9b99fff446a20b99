"""Monitoring routes: liveness, readiness and Prometheus metrics."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from api.authorization import caller
from api.edge.edge_middleware import AccessObserver
from api.edge.metrics import MEDIA_TYPE, MetricsSource
from api.handler_services import AllServices, Shared
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
    """The liveness status."""

    status: str = Field(examples=["ok"])


class Readiness(BaseModel):
    """The readiness status and the snapshot that is served."""

    status: str = Field(examples=["ready"])
    snapshot: int = Field(description="Number of the snapshot that queries read.")


@router.get("/healthz", summary="Check liveness", response_model=Health)
async def healthz(response: Response) -> Health:
    """Respond at once, without access to the store. Restart the process when this fails."""
    response.headers.update(_FRESH)
    return Health(status="ok")


@router.get(
    "/readyz",
    summary="Check readiness",
    response_model=Readiness,
    responses=openapi_helpers.problems(503),
)
async def readyz(request: Request, response: Response) -> Readiness:
    """Check that a snapshot is published and that a reader responded recently. Send no requests while this fails."""
    number = await _ready(observer(request).metrics.endpoint)
    response.headers.update(_FRESH)
    return Readiness(status="ready", snapshot=number)


async def _ready(endpoint: MetricsSource | None) -> int:
    """Return the number of the snapshot that is served.

    Raises:
        StoreUnavailable: the store is not open, or no reader responds.
    """
    if endpoint is None:
        raise StoreUnavailable("The store is not open yet.", remedy="Retry in a moment.")
    if not await endpoint.probe():
        raise StoreUnavailable("No reader responds.", remedy="See the log of the server, or restart it.")
    return endpoint.number


async def _authorized(request: Request, shared: Shared) -> AllServices:
    """Check that the caller may read the metrics, and return the services.

    A loopback address is not sufficient: behind a proxy on the same machine, every request comes from one.

    Raises:
        Unauthorized, InsufficientScope: the metrics are not public, and the caller is not an administrator.
    """
    if not shared.config.access.metrics_public:
        caller(request, shared).require("admin")
    return shared


@router.get(
    "/metrics",
    summary="Read the metrics",
    response_class=Response,
    responses={
        200: {"description": "Prometheus text format.", "content": {"text/plain": {}}},
        **openapi_helpers.problems(401, 403),
    },
)
async def metrics(request: Request, shared: Annotated[AllServices, Depends(_authorized)]) -> Response:
    """Return counters, latencies, memory and the date of the newest article.

    A token of scope `admin` is required, unless KG_METRICS_PUBLIC is true.
    """
    found = observer(request)
    if not shared.config.store.bare:
        found.metrics.newest_article = await shared.in_thread(_newest, shared.graph.store)
    if found.log is not None:
        found.metrics.dropped = found.log.writer.dropped
    return Response(found.metrics.text(), headers={"Content-Type": MEDIA_TYPE, **_FRESH})


def _newest(store: Rows) -> float | None:
    """Return the date of the newest article, in seconds since the Unix epoch; ``None`` without a readable date."""
    rows = store.rows(_NEWEST)
    found = rows[0].get("newest") if rows else None
    if found is None:
        return None
    try:
        day = date.fromisoformat(str(getattr(found, "value", ""))[:10])
    except ValueError:  # a user's graph may state any literal of this datatype, also a malformed one
        return None
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def observer(request: Request) -> AccessObserver:
    """Return the observer that counts the requests of the application."""
    found = request.app.state.observer
    assert isinstance(found, AccessObserver)
    return found
