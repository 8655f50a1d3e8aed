-- insert
INSERT INTO notes (id, number, text, public, level, author_id, likes, org_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id AS id, notes.org_id = ? AND notes.author_id = ? AS kept, NULL AS "row", NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'notes' COLLATE NOCASE AND name NOT IN ('notes_search_insert', 'notes_search_update', 'notes_search_delete')) AS alone

-- check of the new rows, where there are triggers
SELECT count(*) AS count_1
FROM json_each(?) AS anon_1 CROSS JOIN notes AS notes_1
WHERE notes_1.id = (anon_1.value ->> 0) AND notes_1.org_id = ? AND notes_1.author_id = ?
