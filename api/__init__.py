"""HTTP in front of :mod:`kg`: read a request, call the library, render the result. No RDF library is imported."""
