-- insert
INSERT INTO tags (id, name) VALUES (CAST($1::VARCHAR AS INTEGER), CAST($2::VARCHAR AS VARCHAR)) ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING CAST(tags.id AS TEXT) AS id, (xmax = 0) AS inserted

-- answer
SELECT CAST(coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS TEXT) AS coalesce_1, count(*) AS count_1
FROM (SELECT tags_2.id AS id, tags_2.name AS name
FROM tags AS tags_2, json_to_recordset(CAST($1::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 INTEGER)
WHERE tags_2.id = anon_1.c0 ORDER BY anon_1.n) AS _rows
