-- read
SELECT CASE WHEN (pg_column_size(json_agg(_rows)) > 2097152) THEN NULL ELSE CAST(coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS TEXT) END AS anon_1, count(*) AS count_1
FROM (SELECT notes_1.number AS number, (SELECT users_2.role AS value
FROM users AS users_2
WHERE notes_1.author_id = users_2.id
 LIMIT 1) AS role
FROM notes AS notes_1
WHERE notes_1.org_id = CAST($1::VARCHAR AS UUID) AND (notes_1.public OR notes_1.author_id = CAST($2::VARCHAR AS UUID)) ORDER BY notes_1.number ASC) AS _rows
