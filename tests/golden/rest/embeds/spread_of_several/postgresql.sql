-- read
SELECT CASE WHEN (pg_column_size(json_agg(_rows)) > 2097152) THEN NULL ELSE CAST(coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS TEXT) END AS anon_1, count(*) AS count_1
FROM (SELECT notes_1.number AS number, (SELECT notes_2.number AS value
FROM notes AS notes_2
WHERE notes_1.parent_id = notes_2.id AND notes_2.org_id = CAST($1::VARCHAR AS UUID) AND (notes_2.public OR notes_2.author_id = CAST($2::VARCHAR AS UUID))
 LIMIT 1) AS above, (SELECT notes_2.level AS value
FROM notes AS notes_2
WHERE notes_1.parent_id = notes_2.id AND notes_2.org_id = CAST($3::VARCHAR AS UUID) AND (notes_2.public OR notes_2.author_id = CAST($4::VARCHAR AS UUID))
 LIMIT 1) AS level, (SELECT (SELECT row_to_json(_rows) AS row_to_json_1
FROM (SELECT users_3.role AS role
FROM users AS users_3
WHERE notes_2.author_id = users_3.id
 LIMIT 1) AS _rows) AS value
FROM notes AS notes_2
WHERE notes_1.parent_id = notes_2.id AND notes_2.org_id = CAST($5::VARCHAR AS UUID) AND (notes_2.public OR notes_2.author_id = CAST($6::VARCHAR AS UUID))
 LIMIT 1) AS author, (SELECT users_4.id AS value
FROM users AS users_4
WHERE notes_1.author_id = users_4.id
 LIMIT 1) AS id, (SELECT users_4.role AS value
FROM users AS users_4
WHERE notes_1.author_id = users_4.id
 LIMIT 1) AS role
FROM notes AS notes_1
WHERE notes_1.org_id = CAST($7::VARCHAR AS UUID) AND (notes_1.public OR notes_1.author_id = CAST($8::VARCHAR AS UUID)) ORDER BY notes_1.number ASC) AS _rows
