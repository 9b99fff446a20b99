"""Reconciliation Service API, versions 0.2 and 1.0 (draft), and the decisions that users send back.

It imports :mod:`kg.reconciliation`, :mod:`api.rendering`, :mod:`api.http` and below.
"""
