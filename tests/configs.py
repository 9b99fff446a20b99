"""Settings for tests, by the names of their variables, whatever group they belong to."""

from __future__ import annotations

from kg.config import Config


def configured(**options: object) -> Config:
    """Return the defaults with some options, such as ``max_rows=5`` for ``KG_MAX_ROWS``."""
    return Config().with_options(**options)
