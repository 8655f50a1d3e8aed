-- read
SELECT CASE WHEN (pg_column_size(json_agg(_rows)) > 2097152) THEN NULL ELSE CAST(coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS TEXT) END AS anon_1, count(*) AS count_1
FROM (SELECT notes_1.number AS number, (SELECT coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS coalesce_1
FROM (SELECT notes_2.number AS number
FROM notes AS notes_2
WHERE notes_1.id = notes_2.parent_id AND notes_2.org_id = CAST($1::VARCHAR AS UUID) AND (notes_2.public OR notes_2.author_id = CAST($2::VARCHAR AS UUID))) AS _rows) AS replies
FROM notes AS notes_1
WHERE notes_1.org_id = CAST($3::VARCHAR AS UUID) AND (notes_1.public OR notes_1.author_id = CAST($4::VARCHAR AS UUID)) ORDER BY notes_1.number ASC) AS _rows
