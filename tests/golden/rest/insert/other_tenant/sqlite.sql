-- insert
INSERT INTO notes (number, org_id, text, id, public, level, author_id, likes) SELECT anon_2.value ->> 0 AS anon_1, anon_2.value ->> 1 AS anon_3, anon_2.value ->> 2 AS anon_4, anon_2.value ->> 3 AS anon_5, ? AS anon_6, ? AS anon_7, ? AS anon_8, ? AS anon_9
FROM json_each(?) AS anon_2
WHERE 1 = 1 RETURNING id AS id

-- check of the new rows
SELECT count(*) AS count_1
FROM json_each(?) AS anon_1 CROSS JOIN notes AS notes_1
WHERE notes_1.id = (anon_1.value ->> 0) AND notes_1.org_id = ? AND notes_1.author_id = ?
