-- update
UPDATE notes SET text=CAST($1::VARCHAR AS VARCHAR) WHERE notes.org_id = CAST($2::VARCHAR AS UUID) AND (notes.public OR notes.author_id = CAST($3::VARCHAR AS UUID)) AND notes.org_id = CAST($4::VARCHAR AS UUID) AND notes.author_id = CAST($5::VARCHAR AS UUID) AND (to_tsvector('english', notes.text) @@ to_tsquery('english', $6::VARCHAR)) RETURNING CAST(notes.id AS TEXT) AS id

-- check of the new rows
SELECT count(*) AS count_1
FROM notes AS notes_1, json_to_recordset(CAST($1::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 UUID)
WHERE notes_1.id = anon_1.c0 AND notes_1.org_id = CAST($2::VARCHAR AS UUID) AND notes_1.author_id = CAST($3::VARCHAR AS UUID) AND notes_1.number > $4::INTEGER

-- answer
SELECT CAST(coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS TEXT) AS coalesce_1, count(*) AS count_1
FROM (SELECT notes_2.text AS text
FROM notes AS notes_2, json_to_recordset(CAST($1::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 UUID)
WHERE notes_2.id = anon_1.c0 AND notes_2.org_id = CAST($2::VARCHAR AS UUID) AND (notes_2.public OR notes_2.author_id = CAST($3::VARCHAR AS UUID)) ORDER BY anon_1.n) AS _rows
