"""Benchmarks: a generated corpus, peers to compare with, and measurements; results are in RESULTS.md."""
