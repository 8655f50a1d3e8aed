-- read
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT json_object('author', json(notes_1_g.v1), 'count', count(notes_1_g.v2)) AS r
FROM (SELECT json((SELECT json_object('role', users_2.role) AS r
FROM users AS users_2
WHERE notes_1.author_id = users_2.id
 LIMIT 1)) AS v1, 1 AS v2
FROM notes AS notes_1
WHERE notes_1.org_id = ? AND (notes_1.public = 1 OR notes_1.author_id = ?) AND notes_1.number < ?) AS notes_1_g GROUP BY notes_1_g.v1 COLLATE jsonb) AS anon_2
