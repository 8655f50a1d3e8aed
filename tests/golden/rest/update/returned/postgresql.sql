-- update
UPDATE notes SET text=CAST($1::VARCHAR AS VARCHAR) WHERE notes.org_id = CAST($2::VARCHAR AS UUID) AND (notes.public OR notes.author_id = CAST($3::VARCHAR AS UUID)) AND notes.org_id = CAST($4::VARCHAR AS UUID) AND notes.author_id = CAST($5::VARCHAR AS UUID) AND notes.number <= CAST($6::VARCHAR AS INTEGER) RETURNING CAST(notes.id AS TEXT) AS id

-- check of the new rows
SELECT count(*) AS count_1
FROM notes AS notes_1, json_to_recordset(CAST($1::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 UUID)
WHERE notes_1.id = anon_1.c0 AND notes_1.org_id = CAST($2::VARCHAR AS UUID) AND notes_1.author_id = CAST($3::VARCHAR AS UUID) AND notes_1.number > $4::INTEGER

-- answer
SELECT CAST(coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS TEXT) AS coalesce_1, count(*) AS count_1
FROM (SELECT notes_2.number AS number, notes_2.text AS text, (SELECT coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS coalesce_2
FROM (SELECT tags_3.name AS name
FROM tags AS tags_3, note_tags AS note_tags_4
WHERE notes_2.id = note_tags_4.note_id AND note_tags_4.tag_id = tags_3.id) AS _rows) AS tags
FROM notes AS notes_2, json_to_recordset(CAST($1::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 UUID)
WHERE notes_2.id = anon_1.c0 AND notes_2.org_id = CAST($2::VARCHAR AS UUID) AND (notes_2.public OR notes_2.author_id = CAST($3::VARCHAR AS UUID)) ORDER BY notes_2.number ASC) AS _rows
