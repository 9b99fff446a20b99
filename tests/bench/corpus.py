"""Generator of a corpus of a given size, and of a store of it: ``python -m tests.bench.corpus --quads 1000000``.

DIR gets

- ``named.nq``: N-Quads of the named graphs, exactly the requested number: vocabulary, reference facts, the seed article
  itself, and articles generated from it (:mod:`tests.bench.articles`), each complete with its closure. The rest of the
  number consists of tags of articles in a user's graph;
- ``default.nt``: the union of these graphs, each triple once, as :mod:`kg.store.store` stores it in the default graph;
- ``claims.txt``, ``subjects.txt``: IRIs for lookups, a uniform sample of the corpus, shuffled;
- ``corpus.json``: the sizes.

With ``--store`` it also makes ``data/``, a data directory for ``kg serve --data``, and ``native/``, a second copy of
the same engine directory for ``oxigraph serve-read-only --location``.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import pyoxigraph as ox

from kg.iris import DCTERMS
from kg.knowledge_graph import KnowledgeGraph
from kg.store.store import Store, StoreOptions
from tests.bench import template as templates
from tests.bench.articles import Article, Author, original
from tests.bench.template import BASE, NAMES

_SAMPLE = {"claims": 100_000, "subjects": 200_000}
_MEAN = 4_200
"""About the number of quads of an article, which sets the size of the population."""


@dataclass
class Counts:
    """Sizes of a corpus.

    Attributes:
        quads: quads of named graphs.
        union: triples of the default graph, which are not among the quads.
        articles: number of articles, the seed article included.
        tags: quads in the user's graph, which make up the exact number.
    """

    quads: int = 0
    union: int = 0
    articles: int = 0
    tags: int = 0
    seed: int = 0


class _Sample:
    """A uniform sample of a stream (reservoir sampling), in constant memory."""

    def __init__(self, size: int, seed: int) -> None:
        self.size, self.seen = size, 0
        self.rng = random.Random(seed)
        self.items: list[str] = []

    def add(self, item: str) -> None:
        self.seen += 1
        if len(self.items) < self.size:
            self.items.append(item)
        elif (at := int(self.rng.random() * self.seen)) < self.size:
            self.items[at] = item

    def write(self, file: Path) -> None:
        self.rng.shuffle(self.items)
        file.write_text("".join(f"{item}\n" for item in self.items), "utf-8")


class _Writer:
    """Writer of graphs and their union; it remembers only triples that several articles may share."""

    def __init__(self, named: IO[str], union: IO[str], counts: Counts) -> None:
        self.named, self.union, self.counts = named, union, counts
        self.seen: set[int] = set()

    def own(self, graph: str, triples: list[str]) -> None:
        """Write triples that stand in this graph only."""
        self._named(graph, triples)
        self._union(triples)

    def shared(self, graph: str, triples: list[str]) -> None:
        """Write triples that may stand in other graphs, too."""
        self._named(graph, triples)
        self._union(self._new(triples))

    def once(self, graph: str, triples: list[str]) -> None:
        """Write triples of a graph that many articles add to."""
        new = self._new([f"{triple} <{graph}>" for triple in triples])
        self.shared(graph, [line.removesuffix(f" <{graph}>") for line in new])

    def _new(self, triples: list[str]) -> list[str]:
        new = []
        for triple in triples:
            if (
                key := hash(triple)
            ) not in self.seen:  # 64 bits: a collision among a million has a chance of 1 in 30 million
                self.seen.add(key)
                new.append(triple)
        return new

    def _named(self, graph: str, triples: list[str]) -> None:
        if triples:
            self.named.write(f" <{graph}> .\n".join(triples) + f" <{graph}> .\n")
        self.counts.quads += len(triples)

    def _union(self, triples: list[str]) -> None:
        if triples:
            self.union.write(" .\n".join(triples) + " .\n")
        self.counts.union += len(triples)


def generate(quads: int, seed: int, out: Path) -> Counts:
    """Write a corpus of exactly ``quads`` quads in named graphs.

    Raises:
        ValueError: fewer than vocabulary and seed article have.
    """
    template = templates.make()
    counts = Counts(seed=seed)
    out.mkdir(parents=True, exist_ok=True)
    samples = {name: _Sample(size, seed) for name, size in _SAMPLE.items()}
    with (out / "named.nq").open("w", encoding="utf-8") as named, (out / "default.nt").open("w", encoding="utf-8") as u:
        writer = _Writer(named, u, counts)
        writer.shared(NAMES.ontology_graph, template.original["ontology"])
        author = Author(template, seed, quads // _MEAN)
        article = original(template)
        while counts.quads + _size(article) <= quads:
            _write(writer, article)
            _note(samples, article)
            counts.articles += 1
            article = author.write(counts.articles)
        if not counts.articles:
            raise ValueError(f"A corpus has at least {counts.quads + _size(article)} quads.")
        counts.tags = quads - counts.quads
        writer.own(f"{BASE}graph/tags", _tags(counts))
    for name, sample in samples.items():
        sample.write(out / f"{name}.txt")
    (out / "corpus.json").write_text(json.dumps(asdict(counts)), "utf-8")
    return counts


def _size(article: Article) -> int:
    lists = (article.asserted, article.asserted_shared, article.inferred, article.inferred_shared, article.reference)
    return sum(map(len, lists))


def _write(writer: _Writer, article: Article) -> None:
    name = article.identifier
    # Triples of the seed article are not distinguished from those that later articles share with it.
    write = writer.shared if name == templates.SEED else writer.own
    write(NAMES.article_graph(name), article.asserted)
    writer.shared(NAMES.article_graph(name), article.asserted_shared)
    write(NAMES.inferred_graph(name), article.inferred)
    writer.shared(NAMES.inferred_graph(name), article.inferred_shared)
    writer.once(NAMES.reference_graph, article.reference)


def _note(samples: dict[str, _Sample], article: Article) -> None:
    for part in article.parts:
        iri = NAMES.local(article.identifier, part)
        samples["subjects"].add(iri)
        if part[0] == "C" and part[1:].isdigit():
            samples["claims"].add(iri)
    for slug in article.entities:
        samples["subjects"].add(NAMES.entity(slug))


def _tags(counts: Counts) -> list[str]:
    articles = [NAMES.article(f"n{number:07d}") for number in range(1, counts.articles)] or [NAMES.article("seed")]
    return [
        f'<{articles[number % len(articles)]}> <{DCTERMS}subject> "topic {number}"' for number in range(counts.tags)
    ]


def store(directory: Path) -> dict[str, float]:
    """Load a corpus into ``data/store`` and copy that to ``native``; return the seconds of each step.

    The product then opens it once, so that all it writes on a first start is there.
    """
    data, native = directory / "data", directory / "native"
    for old in (data, native):
        shutil.rmtree(old, ignore_errors=True)
    data.mkdir()
    clock = _Clock()
    engine = ox.Store(str(data / "store"))
    engine.bulk_load(path=str(directory / "named.nq"), format=ox.RdfFormat.N_QUADS)
    engine.bulk_load(path=str(directory / "default.nt"), format=ox.RdfFormat.N_TRIPLES)
    clock.lap("load")
    engine.optimize()
    engine.flush()
    del engine  # this closes it
    clock.lap("optimize")
    shutil.copytree(data / "store", native)
    clock.lap("copy")
    graph = KnowledgeGraph(Store(StoreOptions(data, BASE)))
    version = graph.store.version
    graph.load_ontology()
    graph.store.made_ready()
    if graph.store.version != version:
        raise AssertionError("Opening the store changed it: the corpus was made with another vocabulary.")
    clock.lap("open")
    return clock.laps


class _Clock:
    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self.last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name], self.last = now - self.last, now


def ensure(directory: Path, quads: int, seed: int = 1) -> Counts:
    """Make corpus and store unless they are there already, with these numbers."""
    note = directory / "corpus.json"
    counts = Counts(**json.loads(note.read_text("utf-8"))) if note.exists() else Counts()
    if (counts.quads, counts.seed) != (quads, seed):
        counts = generate(quads, seed, directory)
        shutil.rmtree(directory / "data", ignore_errors=True)
    if not (directory / "data" / "claimgraph.json").exists():
        store(directory)
    return counts


def main() -> None:
    """Run the command."""
    summary, _, details = (__doc__ or "").partition("\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=details, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quads", type=int, default=1_000_000, help="quads in named graphs (default: 1000000)")
    parser.add_argument("--seed", type=int, default=1, help="random seed of the corpus (default: 1)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="directory for the files")
    parser.add_argument("--store", action="store_true", help="also make data/ and native/ in DIR")
    options = parser.parse_args()
    start = time.perf_counter()
    try:
        counts = generate(options.quads, options.seed, options.out)
    except ValueError as error:
        parser.error(str(error))
    print(
        f"{counts.quads:,} quads in named graphs ({counts.articles:,} articles, {counts.tags:,} tags) and "
        f"{counts.union:,} triples of their union in the default graph; {time.perf_counter() - start:.1f} s"
    )
    if options.store:
        print("store: " + ", ".join(f"{name} {seconds:.1f} s" for name, seconds in store(options.out).items()))


if __name__ == "__main__":
    main()
