"""The library behind Claimgraph: article → claims document → RDF → gate → closure → store.

It knows nothing of HTTP; :mod:`api` is a thin layer on top of it.
"""

__version__ = "0.1.0"
