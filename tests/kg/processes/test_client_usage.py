"""Use of readers: long queries make a client heavy for a while, lookups never do."""

from __future__ import annotations

from kg.processes import client_usage
from kg.processes.client_usage import ClientUsage


def test_what_was_used_halves_with_time() -> None:
    usage = ClientUsage()
    usage.add("a", 4.0, 100.0)
    assert [round(usage.seconds("a", 100.0 + later), 3) for later in (0, 10, 20)] == [4.0, 2.0, 1.0]
    usage.add("a", 1.0, 110.0)
    assert usage.seconds("a", 110.0) == 3.0
    assert usage.seconds("b", 110.0) == 0.0


def test_long_queries_make_a_client_heavy_and_lookups_do_not() -> None:
    usage = ClientUsage()
    for moment in range(1000):
        usage.add("many lookups", 0.05, moment / 20)
    usage.add("one long query", 0.6, 50.0)
    assert not usage.is_heavy("many lookups", 0.05, 50.0)
    assert usage.is_heavy("one long query", 0.0, 50.0)
    assert not usage.is_heavy("one long query", 0.0, 75.0)
    assert usage.is_heavy("running", 0.6, 50.0)


def test_clients_are_forgotten() -> None:
    usage = ClientUsage()
    for number in range(3 * client_usage._REMEMBERED):
        usage.add(f"client {number}", 0.2, number / 10)
    assert len(usage._used) <= client_usage._REMEMBERED
