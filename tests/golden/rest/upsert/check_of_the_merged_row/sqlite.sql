-- which rows are there
SELECT CASE WHEN (EXISTS (SELECT 1
FROM notes AS notes_1
WHERE notes_1.id = ?)) THEN ? ELSE ? END AS anon_1

-- insert
INSERT INTO notes (id, number, text, public, level, author_id, likes, org_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET number = excluded.number, text = excluded.text WHERE notes.org_id = ? AND (notes.public = 1 OR notes.author_id = ?) AND notes.org_id = ? AND notes.author_id = ? RETURNING id AS id

-- check of the new rows
SELECT count(*) AS count_1
FROM json_each(?) AS anon_1 CROSS JOIN notes AS notes_1
WHERE notes_1.id = (anon_1.value ->> 0) AND notes_1.org_id = ? AND notes_1.author_id = ?

-- check of the merged rows
SELECT count(*) AS count_1
FROM json_each(?) AS anon_1 CROSS JOIN notes AS notes_1
WHERE notes_1.id = (anon_1.value ->> 0) AND notes_1.org_id = ? AND notes_1.author_id = ? AND notes_1.number > ?
