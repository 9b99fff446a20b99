"""Any process of a server killed at random moments: acknowledged writes survive, and no write is partial.

Meanwhile clients read. What fails for them is counted for each kind of killed process.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.faults.kills import EACH, READING, report, trial, wrong

SERVERS = 2
"""Servers that are tried side by side, since each of them mostly waits."""
STARTS = 10
"""Number of times that each server is started; at last its supervisor is killed."""
KILLS = SERVERS * STARTS * EACH


def test_no_acknowledged_write_is_lost_and_reading_goes_on(tmp_path: Path) -> None:
    with ThreadPoolExecutor(SERVERS) as pool:
        tried = [pool.submit(trial, tmp_path / str(number), number, STARTS) for number in range(SERVERS)]
        trials = [one.result() for one in tried]
    print("\n".join(report(trials)))
    kills = sum((one.kills for one in trials), Counter[str]())
    failures = sum((one.failures for one in trials), Counter[str]())
    assert wrong(trials) == []
    assert kills.total() == KILLS
    assert sum(one.acknowledged for one in trials) > KILLS / 2, "too few writes to show anything"
    assert any(sender.cut_off for one in trials for sender in one.senders)
    assert failures["writer"] == 0, "reading does not depend on the writer"
    assert failures["reader"] <= kills["reader"], "a reader runs one query at a time"
    assert failures["web"] <= kills["web"] * READING, "each connection that it had"
    assert failures["supervisor"] <= kills["supervisor"] * READING, "each connection that there was"
