-- read
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT json_object('level', notes_1.level, 'count', count(*), 'sum', sum(notes_1.likes), 'avg', json(decimal_avg(notes_1.price))) AS r
FROM notes AS notes_1
WHERE notes_1.org_id = ? AND (notes_1.public = 1 OR notes_1.author_id = ?) GROUP BY notes_1.level ORDER BY CASE WHEN (notes_1.level = 'LOW') THEN 0 WHEN (notes_1.level = 'HIGH') THEN 1 END ASC NULLS LAST) AS anon_2
