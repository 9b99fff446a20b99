"""Benchmark of links: the first `kg link`, a repeated one, and a single decision, in a store on disk.

``python -m tests.bench.links 1000 10000``; each number is how many links of one dataset there are.
"""

from __future__ import annotations

import functools
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from kg.iris import CG, RDF
from kg.knowledge_graph import KnowledgeGraph
from kg.links.decision_log_state import Judgement
from kg.links.link_review_and_proposals import LinkReview, ReviewDecision
from kg.rdf import oxigraph
from kg.store.store import Store, StoreOptions
from tests.cases.links import BASE, proposal

_ARTICLE = 50
"""Entities that an article speaks of."""


def main() -> None:
    for number in map(int, sys.argv[1:] or ("1000", "10000")):
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), number)


def measure(folder: Path, number: int) -> None:
    store = Store(StoreOptions(folder))
    graphs = {store.names.article_graph(f"a{at}"): article(at, number) for at in range(0, number, _ARTICLE)}
    store.replace(graphs)
    found = [proposal(f"e{at}", f"wikidata:Q{at + 1}") for at in range(number)]
    print(f"{number} links")
    timed("first link", lambda: KnowledgeGraph(store).review().propose(found))
    review = KnowledgeGraph(store).review()  # with empty caches, as in a new process
    timed("nothing new", lambda: review.propose(found))
    review = KnowledgeGraph(store).review()
    timed("log", review.log)
    timed("first decision", lambda: decide(review, 1))
    times = [timed("", functools.partial(decide, review, at)) for at in range(2, 13)]
    print(f"  decision        {statistics.median(times):8.3f} s (slowest {max(times):.3f} s)")
    timed("undo", lambda: review.undo(number + 1, "ann"))
    store.replace({store.names.article_graph("new"): article(0, 5)})
    timed("after an article", lambda: decide(review, 20))
    timed("queue, conflicts", lambda: (review.log().queue(), review.log().conflicts()))


def article(first: int, number: int) -> list[oxigraph.Triple]:
    kind, person = oxigraph.NamedNode(f"{RDF}type"), oxigraph.NamedNode(f"{CG}Person")
    names = [f"{BASE}entity/e{at}" for at in range(first, min(first + _ARTICLE, number))]
    return [oxigraph.Triple(oxigraph.NamedNode(name), kind, person) for name in names]


def decide(review: LinkReview, at: int) -> None:
    review.decide(ReviewDecision(f"entity/e{at}", "wikidata", f"Q{at + 1}", Judgement.negative, "a namesake"), "ann")


def timed(what: str, do: Callable[[], object]) -> float:
    start = time.perf_counter()
    do()
    taken = time.perf_counter() - start
    if what:
        print(f"  {what:16}{taken:8.3f} s", flush=True)
    return taken


if __name__ == "__main__":
    main()
