-- read
SELECT CASE WHEN (pg_column_size(json_agg(_rows)) > 2097152) THEN NULL ELSE CAST(coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS TEXT) END AS anon_1, count(*) AS count_1
FROM (SELECT notes_1.number AS number, (SELECT coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS coalesce_1
FROM (SELECT tags_2.name AS name
FROM tags AS tags_2, note_tags AS note_tags_3
WHERE notes_1.id = note_tags_3.note_id AND note_tags_3.tag_id = tags_2.id AND tags_2.name = CAST($1::VARCHAR AS VARCHAR)) AS _rows) AS tags
FROM notes AS notes_1
WHERE notes_1.org_id = CAST($2::VARCHAR AS UUID) AND (notes_1.public OR notes_1.author_id = CAST($3::VARCHAR AS UUID)) AND (EXISTS (SELECT 1
FROM tags AS tags_2, note_tags AS note_tags_3
WHERE notes_1.id = note_tags_3.note_id AND note_tags_3.tag_id = tags_2.id AND tags_2.name = CAST($4::VARCHAR AS VARCHAR)))) AS _rows
