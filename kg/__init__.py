"""Library behind Claimgraph: article → claims document → RDF → gate → closure → store.

It may import :mod:`ontology` and nothing of :mod:`api`; it serves no HTTP and knows no status code, header field or
media type of our responses. Its packages depend on each other in one direction, which ``pyproject.toml`` declares
(``tool.importlinter``).
"""

__version__ = "0.1.0"
