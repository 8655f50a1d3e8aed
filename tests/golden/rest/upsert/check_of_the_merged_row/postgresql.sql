-- insert
INSERT INTO notes (id, number, text, public, level, author_id, likes, org_id) SELECT anon_1.c0, anon_1.c1, anon_1.c2, CAST($1::VARCHAR AS BOOLEAN) AS anon_2, CAST($2::VARCHAR AS level) AS anon_3, CAST($3::VARCHAR AS UUID) AS anon_4, CAST($4::VARCHAR AS INTEGER) AS anon_5, CAST($5::VARCHAR AS UUID) AS anon_6
FROM json_to_recordset(CAST($6::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 UUID, c1 INTEGER, c2 VARCHAR) ORDER BY anon_1.n ON CONFLICT (id) DO UPDATE SET number = excluded.number, text = excluded.text WHERE notes.org_id = CAST($7::VARCHAR AS UUID) AND (notes.public OR notes.author_id = CAST($8::VARCHAR AS UUID)) AND notes.org_id = CAST($9::VARCHAR AS UUID) AND notes.author_id = CAST($10::VARCHAR AS UUID) RETURNING CAST(notes.id AS TEXT) AS id, (xmax = 0) AS inserted

-- check of the new rows
SELECT count(*) AS count_1
FROM notes AS notes_1, json_to_recordset(CAST($1::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 UUID)
WHERE notes_1.id = anon_1.c0 AND notes_1.org_id = CAST($2::VARCHAR AS UUID) AND notes_1.author_id = CAST($3::VARCHAR AS UUID)

-- check of the merged rows
SELECT count(*) AS count_1
FROM notes AS notes_1, json_to_recordset(CAST($1::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 UUID)
WHERE notes_1.id = anon_1.c0 AND notes_1.org_id = CAST($2::VARCHAR AS UUID) AND notes_1.author_id = CAST($3::VARCHAR AS UUID) AND notes_1.number > $4::INTEGER
