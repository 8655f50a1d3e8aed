-- read
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT substr(json_object('id', boards_1.id), -1, -2147483647) || ',"shown":' || coalesce((SELECT '[' || coalesce(group_concat(json_object('number', notes_2.number), ',' ORDER BY notes_2.number DESC), '') || ']' AS anon_3
FROM notes AS notes_2
WHERE boards_1.org_id = notes_2.org_id AND notes_2.level = boards_1.level AND notes_2.secret IS NOT NULL AND notes_2.org_id = ? AND (notes_2.public = 1 OR notes_2.author_id = ?)), 'null') || '}' AS r
FROM boards AS boards_1
WHERE boards_1.org_id = ? ORDER BY boards_1.id ASC) AS anon_2
