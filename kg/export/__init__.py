"""Exports of the graph: RDF, tables (CSV, Parquet, DuckDB), GeoJSON, timelines, calendars and GraphML.

It imports :mod:`kg.articles`, :mod:`kg.store` and below. It only reads: writing to the store must never enter.
"""
