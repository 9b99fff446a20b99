"""Reconciliation of users' tables: matching of rows with the entities of the graph.

It imports :mod:`kg.links`, :mod:`kg.linking`, :mod:`kg.reference`, :mod:`kg.store` and below. The wire formats of the
Reconciliation API (:mod:`api.reconcile`) must never enter.
"""
