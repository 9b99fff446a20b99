"""Dataset on disk: named graphs, their union as the default graph, prepared writes, snapshots, metadata.

It imports :mod:`kg.sparql`, :mod:`kg.rdf`, :mod:`kg.files` and below. Articles, callers and processes must never enter.
"""
