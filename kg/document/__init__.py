"""Claims document: its model, the property of each field, its mapping to RDF and back, location of quotes.

It imports :mod:`kg.rdf` and below. Rules about what a valid document says (:mod:`kg.gate`) must never enter.
"""
