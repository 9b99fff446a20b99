"""A backup of the running store, for those who administer it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from api.app_context import Shared
from api.authorization import Admin
from api.rendering import openapi_helpers
from kg.errors import NotFound
from kg.maintenance import backup
from kg.maintenance.backup_archive import BackupArchive

router = APIRouter(tags=["Operations"])

_TAR = "application/x-tar"


@router.get(
    "/admin/backup",
    summary="Download a backup",
    dependencies=[Admin],
    response_class=StreamingResponse,
    responses={
        **openapi_helpers.answers([_TAR], "The whole store in one file"),
        **openapi_helpers.fails(401, 403, 404, 503),
    },
)
async def download(
    shared: Shared,
    tokens: Annotated[bool, Query(description="Whether the hashes of tokens are to be in it.")] = True,
) -> StreamingResponse:
    """Send the newest snapshot as `kg backup` would write it; `kg restore` makes a data directory of it."""
    data = shared.graph.store.directory
    if data is None:
        raise NotFound("This server keeps its store in memory.", remedy="Export what you need from /graphs.")
    place = ExitStack()
    archive = await shared.in_thread(_prepared, place, data, tokens)
    headers = {
        "Content-Length": str(archive.size),
        "Content-Disposition": 'attachment; filename="claimgraph.tar"',
        "Cache-Control": "no-store",
    }
    return StreamingResponse(_sent(place, archive.blocks()), media_type=_TAR, headers=headers)


def _prepared(place: ExitStack, data: Path, tokens: bool) -> BackupArchive:
    return place.enter_context(backup.prepared(data, tokens=tokens))


async def _sent(place: ExitStack, blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Read off the event loop, and let the copy go when the last byte is sent or the client is gone."""
    with place:
        while block := await anyio.to_thread.run_sync(next, blocks, b""):
            yield block
