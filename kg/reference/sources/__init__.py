"""Readers of published files: each turns one format into records, streaming, and names the place of an error."""
