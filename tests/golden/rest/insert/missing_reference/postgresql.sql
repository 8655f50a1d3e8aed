-- insert
INSERT INTO note_tags (note_id, tag_id) SELECT anon_1.c0, anon_1.c1
FROM json_to_recordset(CAST($1::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 UUID, c1 INTEGER) ORDER BY anon_1.n RETURNING 1
