-- which rows are there
SELECT CASE WHEN (EXISTS (SELECT 1
FROM tags AS tags_1
WHERE tags_1.id = ?)) THEN ? ELSE ? END AS anon_1

-- insert
INSERT INTO tags (id, name) VALUES (not_null(?, 'id', 'tags'), ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING id AS id

-- answer
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT json_object('id', tags_2.id, 'name', tags_2.name) AS r
FROM json_each(?) AS anon_3 CROSS JOIN tags AS tags_2
WHERE tags_2.id = (anon_3.value ->> 0) ORDER BY anon_3."key" NULLS LAST) AS anon_2
