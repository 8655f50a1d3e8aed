-- insert
INSERT INTO notes (id, number, text, public, level, author_id, likes, org_id) VALUES (CAST($1::VARCHAR AS UUID), CAST($2::VARCHAR AS INTEGER), CAST($3::VARCHAR AS VARCHAR), CAST($4::VARCHAR AS BOOLEAN), CAST($5::VARCHAR AS level), CAST($6::VARCHAR AS UUID), CAST($7::VARCHAR AS INTEGER), CAST($8::VARCHAR AS UUID)) ON CONFLICT (id) DO UPDATE SET number = excluded.number, text = excluded.text WHERE notes.org_id = CAST($9::VARCHAR AS UUID) AND (notes.public OR notes.author_id = CAST($10::VARCHAR AS UUID)) AND notes.org_id = CAST($11::VARCHAR AS UUID) AND notes.author_id = CAST($12::VARCHAR AS UUID) RETURNING CAST(notes.id AS TEXT) AS id, (xmax = 0) AS inserted

-- check of the new rows
SELECT count(*) AS count_1
FROM notes AS notes_1, json_to_recordset(CAST($1::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 UUID)
WHERE notes_1.id = anon_1.c0 AND notes_1.org_id = CAST($2::VARCHAR AS UUID) AND notes_1.author_id = CAST($3::VARCHAR AS UUID)

-- check of the merged rows
SELECT count(*) AS count_1
FROM notes AS notes_1, json_to_recordset(CAST($1::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 UUID)
WHERE notes_1.id = anon_1.c0 AND notes_1.org_id = CAST($2::VARCHAR AS UUID) AND notes_1.author_id = CAST($3::VARCHAR AS UUID) AND notes_1.number > $4::INTEGER
