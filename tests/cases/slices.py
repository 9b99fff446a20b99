"""Locations of the real slices of outside data, for the tests that need them."""

from __future__ import annotations

from pathlib import Path

import pytest

SLICES = Path(__file__).resolve().parents[3] / "shared" / "data" / "linking"
needed = pytest.mark.skipif(not SLICES.is_dir(), reason="the slices of outside data are not here")
