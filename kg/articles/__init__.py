"""Articles in the store: add, remove, list and read them; provenance of facts; labels; competency questions.

It imports :mod:`kg.gate`, :mod:`kg.document`, :mod:`kg.store` and below. Links to outside datasets must never enter.
"""
