-- update
UPDATE notes SET text=? WHERE notes.org_id = ? AND (notes.public = 1 OR notes.author_id = ?) AND notes.org_id = ? AND notes.author_id = ? AND notes.rowid IN (SELECT notes_search.rowid
FROM notes_search
WHERE notes_search MATCH ?) AND (? = 1 OR ts_match(notes.text, 'english', 'fts', ?) = 1) RETURNING id AS id

-- check of the new rows
SELECT count(*) AS count_1
FROM json_each(?) AS anon_1 CROSS JOIN notes AS notes_1
WHERE notes_1.id = (anon_1.value ->> 0) AND notes_1.org_id = ? AND notes_1.author_id = ? AND notes_1.number > ?

-- answer
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT json_object('text', notes_2.text) AS r
FROM json_each(?) AS anon_3 CROSS JOIN notes AS notes_2
WHERE notes_2.id = (anon_3.value ->> 0) AND notes_2.org_id = ? AND (notes_2.public = 1 OR notes_2.author_id = ?) ORDER BY anon_3."key" NULLS LAST) AS anon_2
