"""Dataset on disk: named graphs, their union as default graph, numbered snapshots, metadata of its directory.

It imports :mod:`kg.sparql`, :mod:`kg.rdf`, :mod:`kg.files` and below. Articles, callers and processes must never enter.
"""
