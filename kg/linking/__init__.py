"""Linking: proposals of reference records for entities of the graph, with reasons and automatic acceptance.

It imports :mod:`kg.reference`, :mod:`kg.store` and below. It only proposes; storing links (:mod:`kg.links`) must never
enter.
"""
