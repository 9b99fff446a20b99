"""Readers of published files: each streams the records of one format and locates errors by line.

They import :mod:`kg.reference.records` and read files; the store must never enter.
"""
