-- read
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT substr(json_object('number', notes_1.number), -1, -2147483647) || ',"parent":' || coalesce((SELECT substr(json_object('number', notes_2.number), -1, -2147483647) || ',"parent":' || coalesce((SELECT json_object('number', notes_3.number) AS r
FROM notes AS notes_3
WHERE notes_2.parent_id = notes_3.id AND notes_3.org_id = ? AND (notes_3.public = 1 OR notes_3.author_id = ?)
 LIMIT 1), 'null') || '}' AS r
FROM notes AS notes_2
WHERE notes_1.parent_id = notes_2.id AND notes_2.org_id = ? AND (notes_2.public = 1 OR notes_2.author_id = ?)
 LIMIT 1), 'null') || '}' AS r
FROM notes AS notes_1
WHERE notes_1.org_id = ? AND (notes_1.public = 1 OR notes_1.author_id = ?) ORDER BY notes_1.number ASC) AS anon_2
