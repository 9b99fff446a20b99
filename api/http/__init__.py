"""HTTP messages: parsing requests, content negotiation, multipart, security headers, problem documents.

It imports :mod:`kg.errors` and value types. The application, its state and its routes must never enter.
"""
