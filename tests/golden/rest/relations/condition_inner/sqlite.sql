-- read
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT json_object('id', boards_1.id) AS r
FROM boards AS boards_1
WHERE boards_1.org_id = ? AND (EXISTS (SELECT 1
FROM notes AS notes_2
WHERE boards_1.org_id = notes_2.org_id AND notes_2.level = boards_1.level AND notes_2.secret IS NOT NULL AND notes_2.org_id = ? AND (notes_2.public = 1 OR notes_2.author_id = ?) AND notes_2.number > ?)) ORDER BY boards_1.id ASC) AS anon_2
