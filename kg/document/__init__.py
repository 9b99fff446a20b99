"""Claims document: its model, the RDF property of each field, its mapping to RDF and back, the location of quotes.

It imports :mod:`kg.rdf` and below. Rules about the content of a valid document (:mod:`kg.gate`) must never enter.
"""
