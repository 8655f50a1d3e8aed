-- read
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT json_object('number', notes_1.number) AS r
FROM notes AS notes_1
WHERE notes_1.org_id = ? AND (notes_1.public = 1 OR notes_1.author_id = ?) AND NOT (CASE WHEN (notes_1.text IS NOT NULL) THEN notes_1.rowid IN (SELECT notes_search.rowid
FROM notes_search
WHERE notes_search MATCH ?) AND (? = 1 OR ts_match(notes_1.text, 'english', 'plfts', ?) = 1) END = 1 OR ts_match(CASE WHEN (json_type(notes_1.extra -> 's') = 'text') THEN (notes_1.extra -> 's') ->> '$' WHEN (json_type(notes_1.extra -> 's') = 'null') THEN NULL ELSE (notes_1.extra -> 's') || '' END, 'english', 'fts', ?) = 1) ORDER BY notes_1.number ASC) AS anon_2
