-- read
SELECT CASE WHEN (pg_column_size(json_agg(_rows)) > 2097152) THEN NULL ELSE CAST(coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS TEXT) END AS anon_1, count(*) AS count_1
FROM (SELECT users_1.id AS id, (SELECT coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS coalesce_1
FROM (SELECT notes_2.number AS number, (SELECT coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS coalesce_2
FROM (SELECT tags_3.name AS name
FROM tags AS tags_3, note_tags AS note_tags_4
WHERE notes_2.id = note_tags_4.note_id AND note_tags_4.tag_id = tags_3.id ORDER BY tags_3.name ASC) AS _rows) AS tags
FROM notes AS notes_2
WHERE users_1.id = notes_2.author_id AND notes_2.org_id = CAST($1::VARCHAR AS UUID) AND (notes_2.public OR notes_2.author_id = CAST($2::VARCHAR AS UUID)) ORDER BY notes_2.level DESC, notes_2.number ASC) AS _rows) AS notes
FROM users AS users_1 ORDER BY users_1.id ASC) AS _rows
