"""SPARQL text: lexer, static analysis, rewriting, policy, and evaluation of one query.

pyoxigraph has no switch for SERVICE and LOAD, no timeout and no parse tree in Python, so requests are analysed here
before the engine runs them; a parse tree and a service handler in its Python binding would make most of this package
unnecessary. It imports :mod:`kg.rdf` and below; stores, processes and the network must never enter.
"""
