"""Reconciliation Service API, versions 0.2 and 1.0 (draft), and the matching decisions that users submit.

It imports :mod:`kg.reconciliation`, :mod:`api.rendering`, :mod:`api.http` and below.
"""
