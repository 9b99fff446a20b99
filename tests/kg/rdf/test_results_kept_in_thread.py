"""Work in threads: what an error takes along."""

from __future__ import annotations

import asyncio
from types import FrameType

import pytest

from kg.errors import TimedOut
from kg.rdf.results_kept_in_thread import contained


def fails() -> None:
    live = object()
    try:
        raise ValueError(live)
    except ValueError as error:
        raise TimedOut("Over.") from error


def frames_of(error: BaseException | None) -> list[FrameType]:
    found = []
    while error is not None:
        trace = error.__traceback__
        while trace is not None:
            found.append(trace.tb_frame)
            trace = trace.tb_next
        error = error.__cause__
    return found


def test_an_error_carries_no_result_out_of_its_thread() -> None:
    """A live result of the engine that another thread lets go of ends the process."""

    async def run() -> BaseException:
        with pytest.raises(TimedOut) as caught:
            await asyncio.to_thread(contained, fails)
        return caught.value

    inner = [frame for frame in frames_of(asyncio.run(run())) if frame.f_code is fails.__code__]
    assert len(inner) == 2
    assert not any(frame.f_locals for frame in inner)


def test_what_the_work_returns_is_returned() -> None:
    assert contained(divmod, 7, 2) == (3, 1)
