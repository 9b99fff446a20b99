"""Reference packs: records of outside datasets (GeoNames, Wikidata, …) in SQLite, with their import and lookup.

It imports :mod:`kg.rdf`, :mod:`kg.files` and below. Neither the graph of articles nor links to it may enter.
"""
