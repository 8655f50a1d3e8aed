-- read
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT substr(json_object('number', notes_1.number), -1, -2147483647) || ',' || substr(substr(coalesce((SELECT substr(json_object('above', notes_2.number, 'level', notes_2.level), -1, -2147483647) || ',"author":' || coalesce((SELECT json_object('role', users_3.role) AS r
FROM users AS users_3
WHERE notes_2.author_id = users_3.id
 LIMIT 1), 'null') || '}' AS r
FROM notes AS notes_2
WHERE notes_1.parent_id = notes_2.id AND notes_2.org_id = ? AND (notes_2.public = 1 OR notes_2.author_id = ?)
 LIMIT 1), '{"above":null,"level":null,"author":null}'), -1, -2147483647), 2) || ',' || substr(coalesce((SELECT json_object('id', users_4.id, 'role', users_4.role) AS r
FROM users AS users_4
WHERE notes_1.author_id = users_4.id
 LIMIT 1), '{"id":null,"role":null}'), 2) AS r
FROM notes AS notes_1
WHERE notes_1.org_id = ? AND (notes_1.public = 1 OR notes_1.author_id = ?) ORDER BY notes_1.number ASC) AS anon_2
