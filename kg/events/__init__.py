"""Event datasets (ACLED, UCDP GED, GDELT): their files as one table, matched with the events of the graph.

It imports :mod:`kg.export`, :mod:`kg.linking`, :mod:`kg.reference` and below. Its results are proposals; storing
links must never enter.
"""
