"""Reader processes: query evaluation on snapshots, in processes that can be killed at a deadline.

It imports :mod:`kg.federation`, :mod:`kg.access`, :mod:`kg.store`, :mod:`kg.sparql` and below. Articles, links and
HTTP must never enter.
"""
