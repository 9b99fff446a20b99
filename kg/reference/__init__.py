"""Reference packs: records of outside datasets (GeoNames, Wikidata, …), imported into SQLite and looked up.

It imports :mod:`kg.rdf`, :mod:`kg.files` and below. The graph of articles and links to it must never enter.
"""
