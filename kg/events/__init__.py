"""Event datasets (ACLED, UCDP GED, GDELT): file readers with one common table, and matching with events of the graph.

It imports :mod:`kg.export`, :mod:`kg.linking`, :mod:`kg.reference` and below. Its results are proposals; storing
links must never enter.
"""
