-- read
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT json_object('number', notes_1.number, 'level', notes_1.level) AS r
FROM notes AS notes_1
WHERE notes_1.org_id = ? AND (notes_1.public = 1 OR notes_1.author_id = ?) AND CASE WHEN (notes_1.level = 'LOW') THEN 0 WHEN (notes_1.level = 'HIGH') THEN 1 END > CASE WHEN (? = 'LOW') THEN 0 WHEN (? = 'HIGH') THEN 1 END ORDER BY CASE WHEN (notes_1.level = 'LOW') THEN 0 WHEN (notes_1.level = 'HIGH') THEN 1 END DESC NULLS FIRST, notes_1.number ASC) AS anon_2
