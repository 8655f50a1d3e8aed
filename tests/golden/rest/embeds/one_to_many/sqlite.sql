-- read
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT substr(json_object('number', notes_1.number), -1, -2147483647) || ',"replies":' || coalesce((SELECT '[' || coalesce(group_concat(anon_4.r, ','), '') || ']' AS anon_3
FROM (SELECT json_object('number', notes_2.number) AS r
FROM notes AS notes_2
WHERE notes_1.id = notes_2.parent_id AND notes_2.org_id = ? AND (notes_2.public = 1 OR notes_2.author_id = ?)) AS anon_4), 'null') || '}' AS r
FROM notes AS notes_1
WHERE notes_1.org_id = ? AND (notes_1.public = 1 OR notes_1.author_id = ?) ORDER BY notes_1.number ASC) AS anon_2
