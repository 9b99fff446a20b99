"""Tests of Claimgraph, mirroring its packages, with shared cases and helpers."""
