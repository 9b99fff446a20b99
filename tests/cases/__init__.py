"""Test data shared by several tests: broken graphs and documents, strategies for random ones, stores and peers."""
