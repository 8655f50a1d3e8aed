-- read
SELECT CASE WHEN (pg_column_size(json_agg(_rows)) > 2097152) THEN NULL ELSE CAST(coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS TEXT) END AS anon_1, count(*) AS count_1
FROM (SELECT boards_1.id AS id
FROM boards AS boards_1
WHERE boards_1.org_id = CAST($1::VARCHAR AS UUID) AND (EXISTS (SELECT 1
FROM notes AS notes_2
WHERE boards_1.org_id = notes_2.org_id AND notes_2.level = boards_1.level AND notes_2.secret IS NOT NULL AND notes_2.org_id = CAST($2::VARCHAR AS UUID) AND (notes_2.public OR notes_2.author_id = CAST($3::VARCHAR AS UUID)) AND notes_2.number > CAST($4::VARCHAR AS INTEGER))) ORDER BY boards_1.id ASC) AS _rows
