"""Rewriting of SPARQL texts before the engine sees them: its deviations from the standard, and what updates may write.

It imports :mod:`kg.sparql`'s lexer and analysis, and must never evaluate anything.
"""
