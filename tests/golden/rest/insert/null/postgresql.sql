-- insert
INSERT INTO notes (number, id, public, level, author_id, likes, org_id) SELECT anon_1.c0, anon_1.c1, CAST($1::VARCHAR AS BOOLEAN) AS anon_2, CAST($2::VARCHAR AS level) AS anon_3, CAST($3::VARCHAR AS UUID) AS anon_4, CAST($4::VARCHAR AS INTEGER) AS anon_5, CAST($5::VARCHAR AS UUID) AS anon_6
FROM json_to_recordset(CAST($6::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 INTEGER, c1 UUID) ORDER BY anon_1.n RETURNING CAST(notes.id AS TEXT) AS id

-- check of the new rows
SELECT count(*) AS count_1
FROM notes AS notes_1, json_to_recordset(CAST($1::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 UUID)
WHERE notes_1.id = anon_1.c0 AND notes_1.org_id = CAST($2::VARCHAR AS UUID) AND notes_1.author_id = CAST($3::VARCHAR AS UUID)
