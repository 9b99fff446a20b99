"""RDF and its engine: the adapter to pyoxigraph, conversion to and from rdflib, limits on input and results.

It imports :mod:`kg.errors`, :mod:`kg.iris` and :mod:`kg.files`. The rules for queries (:mod:`kg.sparql`) and storage
(:mod:`kg.store`) must never enter.
"""
