-- which rows are there
SELECT CASE WHEN (EXISTS (SELECT 1
FROM tags AS tags_1
WHERE tags_1.id = ?)) THEN ? ELSE ? END AS anon_1

-- insert
INSERT INTO tags (id, name) SELECT not_null(anon_1.value ->> 0, 'id', 'tags') AS not_null_1, anon_1.value ->> 1 AS anon_2
FROM json_each(?) AS anon_1
WHERE 1 = 1 ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING id AS id

-- answer
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT json_object('id', tags_2.id, 'name', tags_2.name) AS r
FROM json_each(?) AS anon_3 CROSS JOIN tags AS tags_2
WHERE tags_2.id = (anon_3.value ->> 0) ORDER BY tags_2.id ASC) AS anon_2
