-- read
SELECT CASE WHEN (pg_column_size(json_agg(_rows)) > 2097152) THEN NULL ELSE CAST(coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS TEXT) END AS anon_1, count(*) AS count_1
FROM (SELECT notes_1_g.v1 AS level, notes_1_g.v2 AS role, count(notes_1_g.v3) AS count, max(notes_1_g.v4) AS max
FROM (SELECT notes_1.level AS v1, (SELECT users_2.role
FROM users AS users_2
WHERE notes_1.author_id = users_2.id
 LIMIT 1) AS v2, (SELECT users_2.id
FROM users AS users_2
WHERE notes_1.author_id = users_2.id
 LIMIT 1) AS v3, notes_1.price AS v4
FROM notes AS notes_1
WHERE notes_1.org_id = CAST($1::VARCHAR AS UUID) AND (notes_1.public OR notes_1.author_id = CAST($2::VARCHAR AS UUID))) AS notes_1_g GROUP BY notes_1_g.v1, notes_1_g.v2 ORDER BY notes_1_g.v2 ASC NULLS LAST, notes_1_g.v1 ASC) AS _rows
