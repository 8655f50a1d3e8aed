"""Full text on SQLite with PostgreSQL's meaning.

A text becomes a document: lexemes at positions, as ``to_tsvector`` makes it. A search becomes one tree, whichever of
the four query languages it is written in. Both meet in ``match`` (the function ``ts_match``) or in an FTS5 index,
whose tokens are the document's own lexemes.
"""
