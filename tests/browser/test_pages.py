"""Pages in a real browser: they render without scripts and without requests to other hosts."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.devtools import CHROMIUM, OPTIONS, Browser, browser
from tests.processes import wait_until

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed.")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environ = {
        **os.environ,
        "KG_TOKEN": "t",
        "KG_METRICS_PUBLIC": "1",
        "KG_DATA_DIR": str(tmp_path_factory.mktemp("data")),
    }
    command = [sys.executable, "-c", "from kg.cli.main import main; main()", "serve", "--port", str(port)]
    with subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL) as server:
        try:
            yield wait_for(f"http://127.0.0.1:{port}/")
        finally:
            server.terminate()


def wait_for(address: str) -> str:
    for _ in range(150):
        try:
            with urllib.request.urlopen(address, timeout=5):
                return address
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the server did not start")


def render(url: str, profile: Path) -> str:
    assert CHROMIUM is not None
    command = [CHROMIUM, *OPTIONS, "--virtual-time-budget=5000", f"--user-data-dir={profile}", "--dump-dom", url]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("", ["Claimgraph", "Хто відмовив, а хто просто не відповів?"]),
        ("docs", ["/articles", "/sparql"]),
        ("review", ["Links awaiting review", "Latest decisions"]),
        ("questions/14", ["він відмовив йому у підтримці", "Володимир Путін"]),
        ("entity/putin", ["Vladimir Putin", "Володимир Путін"]),
        ("article/seed/C22", ["за кілька днів до цього Путін припинив відповідати на дзвінки Асада"]),
    ],
)
def test_a_page_renders(address: str, path: str, words: list[str], tmp_path: Path) -> None:
    page = render(address + path, tmp_path)
    assert [word for word in words if word not in page] == []
    assert "<script" not in page
    loaded = re.findall(r"(?:src|<link[^>]*href)=\"([^\"]+)\"", page)
    assert [source for source in loaded if source.startswith(("http", "//")) and not source.startswith(address)] == []


def unchanged(address: str) -> int:
    """Return the number of 304 responses of the response cache."""
    with urllib.request.urlopen(address + "metrics", timeout=30) as answer:
        found = re.search(
            r'^claimgraph_cache_answers_total{outcome="not-modified"} (\d+)', answer.read().decode(), re.M
        )
    assert found
    return int(found[1])


def styled(tab: Browser) -> bool:
    """Return whether the style sheet applies: without it, the navigation is a block."""
    found = tab.evaluate("getComputedStyle(document.querySelector('header nav')).display")
    assert found in ("flex", "block")
    return bool(found == "flex")


def test_a_page_keeps_its_style_and_its_form_at_the_second_visit(address: str) -> None:
    """The browser asks whether the page has changed, and takes the fields of the 304 for its own."""
    with browser() as tab:
        tab.visit(address)
        assert styled(tab)
        tab.visit(address + "questions")
        assert styled(tab)
        before = unchanged(address)
        tab.visit(address)
        wait_until(lambda: unchanged(address) == before + 1, "the web processes know of one more 304")
        assert styled(tab)
        tab.evaluate("document.querySelector('textarea').value = 'SELECT (6 * 7 AS ?product) { }'")
        tab.evaluate("document.querySelector('form button').click()")
        tab.wait_for_load()
        assert "query=SELECT" in tab.evaluate("location.href")
        assert tab.evaluate("document.querySelector('td').textContent") == "42"
        assert styled(tab)


BROKEN = """
[...document.querySelectorAll('td')].flatMap(cell => {
  const found = [], texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) for (const word of texts.currentNode.data.matchAll(/[\\p{L}\\p{N}]+/gu)) {
    const range = document.createRange()
    range.setStart(texts.currentNode, word.index)
    range.setEnd(texts.currentNode, word.index + word[0].length)
    if (new Set([...range.getClientRects()].map(box => Math.round(box.top))).size > 1) found.push(word[0])
  }
  return found
})
"""
"""The words in cells that stand on more than one line."""


@pytest.mark.parametrize("path", ["articles", "questions/14", "entity/putin", "docs"])
def test_words_in_tables_stay_whole_on_a_telephone(address: str, path: str) -> None:
    with browser() as tab:
        tab.send("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=True)
        tab.visit(address + path)
        assert tab.evaluate("document.querySelectorAll('td').length") > 0
        assert tab.evaluate(BROKEN) == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390, "the page itself is too wide"


@pytest.mark.parametrize("path", ["guide/", "guide/exports"])
def test_a_page_of_the_guide_fits_a_telephone_at_every_visit(address: str, path: str) -> None:
    """Tables and code scroll by themselves, the page does not; the second visit is answered by the browser's cache."""
    with browser() as tab:
        tab.send("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=True)
        for _ in range(2):
            tab.visit(address + path)
            assert styled(tab)
            assert tab.evaluate("document.querySelectorAll('.guide .wide table').length") > 0
            assert tab.evaluate("document.documentElement.scrollWidth") <= 390, "the page itself is too wide"
            tab.visit(address)
