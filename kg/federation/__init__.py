"""SERVICE and LOAD: results of remote endpoints fetched first and put in place of the call.

It imports :mod:`kg.http_client`, :mod:`kg.sparql`, :mod:`kg.rdf` and below. The local store must never enter.
"""
