"""Files on disk: free space, durable writes, outputs that appear only when complete, temporary files.

It imports only :mod:`kg.errors`. Formats, RDF and stores must never enter.
"""
