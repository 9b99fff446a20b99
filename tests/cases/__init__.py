"""Broken graphs and documents, and strategies for random ones, shared by several tests."""
