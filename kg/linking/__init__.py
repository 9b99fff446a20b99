"""Linking: which reference record an entity of the graph may be, with the reasons, and what is accepted at once.

It imports :mod:`kg.reference`, :mod:`kg.store` and below. It proposes; storing links (:mod:`kg.links`) must never
enter.
"""
