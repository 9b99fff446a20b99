"""HTTP as a client: the only package that opens connections to other servers.

It holds the allow-lists, the guard against private addresses, and the limits of time and size. It imports
:mod:`kg.errors`; SPARQL, stores and HTTP serving must never enter.
"""
