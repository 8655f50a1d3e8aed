-- read
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT substr(json_object('number', notes_1.number), -1, -2147483647) || ',"author":' || coalesce((SELECT json_object('role', users_2.role) AS r
FROM users AS users_2
WHERE notes_1.author_id = users_2.id
 LIMIT 1), 'null') || '}' AS r
FROM notes AS notes_1
WHERE notes_1.org_id = ? AND (notes_1.public = 1 OR notes_1.author_id = ?) ORDER BY (SELECT users_2.role
FROM users AS users_2
WHERE notes_1.author_id = users_2.id
 LIMIT 1) ASC NULLS LAST, notes_1.number DESC) AS anon_2
