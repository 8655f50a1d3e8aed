-- insert
INSERT INTO note_tags (note_id, tag_id) SELECT anon_2.value ->> 0 AS anon_1, anon_2.value ->> 1 AS anon_3
FROM json_each(?) AS anon_2
WHERE 1 = 1 RETURNING 1
