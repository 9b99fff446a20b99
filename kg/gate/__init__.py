"""Gate: the checks that a claims document or an article graph must pass before it is stored, and its OWL closure.

It imports :mod:`kg.document`, :mod:`kg.rdf` and below. It decides on one article with the vocabulary alone; the store
must never enter.
"""
