"""Work of the engine in threads, which its lazy results may not leave: in another thread, they end the process."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def contained(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run ``work``, and clear the frames of any error, so that no lazy result leaves the thread in them."""
    try:
        return work(*args, **kwargs)
    except Exception as error:
        # The chain of causes has frames, too.
        found: BaseException | None = error
        while found is not None:
            traceback.clear_frames(found.__traceback__)
            found = found.__cause__ or found.__context__
        raise
