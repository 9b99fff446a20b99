"""HTTP in front of :mod:`kg`: read a request, call the library, render what it gives. No RDF library is imported."""
