-- read
SELECT CASE WHEN (pg_column_size(json_agg(_rows)) > 2097152) THEN NULL ELSE CAST(coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS TEXT) END AS anon_1, count(*) AS count_1
FROM (SELECT notes_1.id AS id, notes_1.number AS number, notes_1.text AS text, notes_1.public AS public, notes_1.level AS level, notes_1.price AS price, notes_1.written_at AS written_at, notes_1.extra AS extra, notes_1.author_id AS author_id, notes_1.parent_id AS parent_id, notes_1.likes AS likes, notes_1.org_id AS org_id
FROM notes AS notes_1
WHERE notes_1.org_id = CAST($1::VARCHAR AS UUID) AND (notes_1.public OR notes_1.author_id = CAST($2::VARCHAR AS UUID)) AND (to_tsvector('english', notes_1.text) @@ to_tsquery('english', $3::VARCHAR))) AS _rows
