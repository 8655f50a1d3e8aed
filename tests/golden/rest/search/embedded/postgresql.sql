-- read
SELECT CASE WHEN (pg_column_size(json_agg(_rows)) > 2097152) THEN NULL ELSE CAST(coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS TEXT) END AS anon_1, count(*) AS count_1
FROM (SELECT tags_1.name AS name, (SELECT coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS coalesce_1
FROM (SELECT notes_2.number AS number
FROM notes AS notes_2, note_tags AS note_tags_3
WHERE tags_1.id = note_tags_3.tag_id AND note_tags_3.note_id = notes_2.id AND notes_2.org_id = CAST($1::VARCHAR AS UUID) AND (notes_2.public OR notes_2.author_id = CAST($2::VARCHAR AS UUID)) AND (to_tsvector('english', notes_2.text) @@ to_tsquery('english', $3::VARCHAR))) AS _rows) AS notes
FROM tags AS tags_1 ORDER BY tags_1.id ASC) AS _rows
