"""Access control: callers and scopes, API tokens, and stores restricted to the graphs that a caller may read.

It imports :mod:`kg.store` and below. The transport of tokens (HTTP) must never enter.
"""
