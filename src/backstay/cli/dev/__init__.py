"""``backstay dev``: the keys, the tables, the greeting, the watch."""
