"""Processes of a server: readers, which run queries and tasks on snapshots and can be killed, and the writer.

It imports :mod:`kg.knowledge_graph`, :mod:`kg.articles`, :mod:`kg.federation`, :mod:`kg.access`, :mod:`kg.store` and
below. HTTP must never enter, nor the decision which process is started when.
"""
