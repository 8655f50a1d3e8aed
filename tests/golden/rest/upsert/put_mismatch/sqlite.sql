-- which rows are there
SELECT CASE WHEN (EXISTS (SELECT 1
FROM tags AS tags_1
WHERE tags_1.id = ?)) THEN ? ELSE ? END AS anon_1

-- insert
INSERT INTO tags (id, name) SELECT anon_2.value ->> 0 AS anon_1, anon_2.value ->> 1 AS anon_3
FROM json_each(?) AS anon_2
WHERE 1 = 1 ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING id AS id
