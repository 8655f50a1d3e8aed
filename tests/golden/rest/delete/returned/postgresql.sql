-- keys
SELECT CAST(note_tags_1.note_id AS TEXT) AS note_id, CAST(note_tags_1.tag_id AS TEXT) AS tag_id
FROM note_tags AS note_tags_1
WHERE note_tags_1.tag_id = CAST($1::VARCHAR AS INTEGER) FOR UPDATE OF note_tags_1

-- answer
SELECT CAST(coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS TEXT) AS coalesce_1, count(*) AS count_1
FROM (SELECT note_tags_2.tag_id AS tag_id, (SELECT row_to_json(_rows) AS row_to_json_1
FROM (SELECT notes_3.number AS number
FROM notes AS notes_3
WHERE note_tags_2.note_id = notes_3.id AND notes_3.org_id = CAST($1::VARCHAR AS UUID) AND (notes_3.public OR notes_3.author_id = CAST($2::VARCHAR AS UUID))
 LIMIT 1) AS _rows) AS notes
FROM note_tags AS note_tags_2, json_to_recordset(CAST($3::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 UUID, c1 INTEGER)
WHERE note_tags_2.note_id = anon_1.c0 AND note_tags_2.tag_id = anon_1.c1 ORDER BY anon_1.n) AS _rows

-- delete by keys
DELETE FROM note_tags WHERE (note_tags.note_id, note_tags.tag_id) IN (SELECT anon_1.c0, anon_1.c1
FROM json_to_recordset(CAST($1::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 UUID, c1 INTEGER))
