-- keys
SELECT CAST(boards_1.id AS TEXT) AS id
FROM boards AS boards_1
WHERE boards_1.org_id = CAST($1::VARCHAR AS UUID) AND boards_1.org_id = CAST($2::VARCHAR AS UUID) AND boards_1.id = CAST($3::VARCHAR AS INTEGER) FOR UPDATE OF boards_1

-- answer
SELECT CAST(coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS TEXT) AS coalesce_1, count(*) AS count_1
FROM (SELECT boards_2.id AS id, boards_2.level AS level, boards_2.org_id AS org_id
FROM boards AS boards_2, json_to_recordset(CAST($1::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 INTEGER)
WHERE boards_2.id = anon_1.c0 AND boards_2.org_id = CAST($2::VARCHAR AS UUID) ORDER BY anon_1.n) AS _rows

-- delete by keys
DELETE FROM boards WHERE boards.id IN (SELECT anon_1.c0
FROM json_to_recordset(CAST($1::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 INTEGER))
