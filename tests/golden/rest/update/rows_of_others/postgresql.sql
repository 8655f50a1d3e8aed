-- update
UPDATE notes SET text=CAST($1::VARCHAR AS VARCHAR) WHERE notes.org_id = CAST($2::VARCHAR AS UUID) AND (notes.public OR notes.author_id = CAST($3::VARCHAR AS UUID)) AND notes.org_id = CAST($4::VARCHAR AS UUID) AND notes.author_id = CAST($5::VARCHAR AS UUID) AND notes.number = CAST($6::VARCHAR AS INTEGER) RETURNING CAST(notes.id AS TEXT) AS id

-- check of the new rows
SELECT count(*) AS count_1
FROM notes AS notes_1, json_to_recordset(CAST($1::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 UUID)
WHERE notes_1.id = anon_1.c0 AND notes_1.org_id = CAST($2::VARCHAR AS UUID) AND notes_1.author_id = CAST($3::VARCHAR AS UUID) AND notes_1.number > $4::INTEGER
