"""RDF and its engine: the adapter to pyoxigraph, conversion to and from rdflib, limits on input and results.

It imports :mod:`kg.errors`, :mod:`kg.iris` and :mod:`kg.files`. What a query may do (:mod:`kg.sparql`) and where data
is kept (:mod:`kg.store`) must never enter.
"""
