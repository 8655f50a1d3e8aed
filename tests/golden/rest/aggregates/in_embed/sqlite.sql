-- read
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT substr(json_object('id', users_1.id), -1, -2147483647) || ',"notes":' || coalesce((SELECT '[' || coalesce(group_concat(anon_4.r, ','), '') || ']' AS anon_3
FROM (SELECT json_object('level', notes_2.level, 'count', count(*), 'sum', json(decimal_sum(notes_2.price))) AS r
FROM notes AS notes_2
WHERE users_1.id = notes_2.author_id AND notes_2.org_id = ? AND (notes_2.public = 1 OR notes_2.author_id = ?) GROUP BY notes_2.level ORDER BY CASE WHEN (notes_2.level = 'LOW') THEN 0 WHEN (notes_2.level = 'HIGH') THEN 1 END ASC NULLS LAST) AS anon_4), 'null') || '}' AS r
FROM users AS users_1 ORDER BY users_1.id ASC) AS anon_2
