"""Readers of what others publish: each turns a file into records, as it streams, and names the place of an error."""
