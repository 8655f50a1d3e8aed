-- read
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT substr(json_object('number', notes_1.number), -1, -2147483647) || ',"users":' || coalesce((SELECT json_object('id', users_2.id) AS r
FROM users AS users_2
WHERE notes_1.author_id = users_2.id
 LIMIT 1), 'null') || '}' AS r
FROM notes AS notes_1
WHERE notes_1.org_id = ? AND (notes_1.public = 1 OR notes_1.author_id = ?) AND notes_1.number = ?) AS anon_2
