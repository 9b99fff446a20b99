"""Gate: every check between a claims document or article graph and the store, and the closure that follows.

It imports :mod:`kg.document`, :mod:`kg.rdf` and below. It decides from one article and the vocabulary alone; the
store must never enter.
"""
