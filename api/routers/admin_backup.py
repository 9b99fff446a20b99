"""Backup download of the running store, for administrators."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import anyio.to_thread
from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from api.authorization import Admin
from api.handler_services import Shared
from api.http import request_parsing
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
        **openapi_helpers.response([_TAR], "The whole store in one file."),
        **openapi_helpers.problems(401, 403, 404, 503),
    },
)
async def download(
    shared: Shared,
    tokens: Annotated[
        bool, Query(description="Whether to include the hashes of tokens."), request_parsing.empty_as_absent(True)
    ] = True,
) -> StreamingResponse:
    """Send the newest snapshot as `kg backup` would write it; `kg restore` turns it into a data directory."""
    data = shared.graph.store.directory
    if data is None:
        raise NotFound("This server keeps its store in memory.", remedy="Export what you need from /graphs.")
    resources = ExitStack()
    archive = await shared.in_thread(_open_archive, resources, data, tokens)
    headers = {
        "Content-Length": str(archive.size),
        "Content-Disposition": 'attachment; filename="claimgraph.tar"',
        "Cache-Control": "no-store",
    }
    return StreamingResponse(_stream(resources, archive.blocks()), media_type=_TAR, headers=headers)


def _open_archive(resources: ExitStack, data: Path, tokens: bool) -> BackupArchive:
    return resources.enter_context(backup.prepared(data, tokens=tokens))


async def _stream(resources: ExitStack, blocks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Read blocks off the event loop; release the copy when the last byte is sent or the client disconnects."""
    with resources:
        while block := await anyio.to_thread.run_sync(next, blocks, b""):
            yield block
