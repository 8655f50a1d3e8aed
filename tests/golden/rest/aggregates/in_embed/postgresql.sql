-- read
SELECT CASE WHEN (pg_column_size(json_agg(_rows)) > 2097152) THEN NULL ELSE CAST(coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS TEXT) END AS anon_1, count(*) AS count_1
FROM (SELECT users_1.id AS id, (SELECT coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS coalesce_1
FROM (SELECT notes_2.level AS level, count(*) AS count, sum(notes_2.price) AS sum
FROM notes AS notes_2
WHERE users_1.id = notes_2.author_id AND notes_2.org_id = CAST($1::VARCHAR AS UUID) AND (notes_2.public OR notes_2.author_id = CAST($2::VARCHAR AS UUID)) GROUP BY notes_2.level ORDER BY notes_2.level ASC) AS _rows) AS notes
FROM users AS users_1 ORDER BY users_1.id ASC) AS _rows
