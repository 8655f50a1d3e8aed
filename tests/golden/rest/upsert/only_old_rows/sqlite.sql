-- which rows are there
SELECT CASE WHEN (EXISTS (SELECT 1
FROM tags AS tags_1
WHERE tags_1.id = ?)) THEN ? ELSE ? END AS anon_1

-- insert
INSERT INTO tags (id, name) VALUES (not_null(?, 'id', 'tags'), ?) ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING id AS id
