"""Federation: calls of SERVICE and LOAD are replaced by the results of remote endpoints before evaluation.

It imports :mod:`kg.http_client`, :mod:`kg.sparql`, :mod:`kg.rdf` and below. The local store must never enter.
"""
