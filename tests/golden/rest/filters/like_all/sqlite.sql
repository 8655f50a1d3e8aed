-- read
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT json_object('number', notes_1.number) AS r
FROM notes AS notes_1
WHERE notes_1.org_id = ? AND (notes_1.public = 1 OR notes_1.author_id = ?) AND CASE WHEN (EXISTS (SELECT 1
FROM (SELECT anon_4.value AS value
FROM json_each(?) AS anon_4) AS anon_3
WHERE NOT (notes_1.text LIKE anon_3.value ESCAPE '\'))) THEN 0 WHEN (EXISTS (SELECT 1
FROM (SELECT anon_4.value AS value
FROM json_each(?) AS anon_4) AS anon_3
WHERE notes_1.text IS NULL OR anon_3.value IS NULL)) THEN NULL ELSE 1 END = 1 ORDER BY notes_1.number ASC) AS anon_2
