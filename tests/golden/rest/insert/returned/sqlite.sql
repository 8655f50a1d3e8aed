-- insert
INSERT INTO notes (id, number, text, public, level, price, author_id, likes, org_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id AS id, notes.org_id = ? AND notes.author_id = ? AS kept, CASE WHEN (notes.org_id = ? AND (notes.public = 1 OR notes.author_id = ?)) THEN json_object('number', notes.number, 'public', json(CASE WHEN (notes.public IS 1) THEN 'true' WHEN (notes.public IS 0) THEN 'false' END), 'level', notes.level, 'author_id', notes.author_id, 'org_id', notes.org_id, 'likes', notes.likes) END AS "row", NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'notes' COLLATE NOCASE AND name NOT IN ('notes_search_insert', 'notes_search_update', 'notes_search_delete')) AS alone

-- check of the new rows, where there are triggers
SELECT count(*) AS count_1
FROM json_each(?) AS anon_1 CROSS JOIN notes AS notes_1
WHERE notes_1.id = (anon_1.value ->> 0) AND notes_1.org_id = ? AND notes_1.author_id = ?

-- answer, where there are triggers
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT json_object('number', notes_2.number, 'public', json(CASE WHEN (notes_2.public IS 1) THEN 'true' WHEN (notes_2.public IS 0) THEN 'false' END), 'level', notes_2.level, 'author_id', notes_2.author_id, 'org_id', notes_2.org_id, 'likes', notes_2.likes) AS r
FROM json_each(?) AS anon_3 CROSS JOIN notes AS notes_2
WHERE notes_2.id = (anon_3.value ->> 0) AND notes_2.org_id = ? AND (notes_2.public = 1 OR notes_2.author_id = ?) ORDER BY anon_3."key" NULLS LAST) AS anon_2
