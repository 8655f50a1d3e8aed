-- read
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT json_object('level', notes_1_g.v1, 'role', notes_1_g.v2, 'count', count(notes_1_g.v3), 'max', json(max(notes_1_g.v4 COLLATE decimal))) AS r
FROM (SELECT notes_1.level AS v1, (SELECT users_2.role
FROM users AS users_2
WHERE notes_1.author_id = users_2.id
 LIMIT 1) AS v2, (SELECT users_2.id
FROM users AS users_2
WHERE notes_1.author_id = users_2.id
 LIMIT 1) AS v3, notes_1.price AS v4
FROM notes AS notes_1
WHERE notes_1.org_id = ? AND (notes_1.public = 1 OR notes_1.author_id = ?)) AS notes_1_g GROUP BY notes_1_g.v1, notes_1_g.v2 ORDER BY notes_1_g.v2 ASC NULLS LAST, CASE WHEN (notes_1_g.v1 = 'LOW') THEN 0 WHEN (notes_1_g.v1 = 'HIGH') THEN 1 END ASC NULLS LAST) AS anon_2
