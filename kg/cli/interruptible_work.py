"""Interruptible work of the engine, which itself looks at no signal and on a damaged store may never end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from multiprocessing.pool import ThreadPool
from typing import TypeVar

from kg.rdf.results_kept_in_thread import contained
from kg.store.store import Store
from kg.store.store_protocols import Reads

T = TypeVar("T")

_CHECK_AFTER = 5.0
"""Seconds of work after which the store is checked."""


def run(store: Reads, work: Callable[[], T]) -> T:
    """Return the result of work on a store; Ctrl-C ends the process at once, as by the signal.

    The work is done in another thread, while this one waits for the signal. An aggregate over a damaged block gets the
    same error from the engine for ever, so while the work takes long, the triples are also read one by one.

    Raises:
        StoreUnavailable: a file of the store is damaged.
    """
    pool = ThreadPool(1)  # of a daemon thread, which may still be at work when the process ends
    done = pool.apply_async(contained, (work,))
    pool.close()
    try:
        done.wait(_CHECK_AFTER)
        if not done.ready() and isinstance(store, Store):
            store.check_readable(enough=done.ready)
        done.wait()
        pool.join()  # so that nothing of the work, such as the store, is in use any more
        result: T = done.get()
        return result
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
        raise
