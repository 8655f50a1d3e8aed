-- read
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT json_object('number', notes_1.number, 'b', json(((notes_1.extra -> 'a') -> 'b') -> 0), 's', CASE WHEN (json_type(notes_1.extra -> 's') = 'text') THEN (notes_1.extra -> 's') ->> '$' WHEN (json_type(notes_1.extra -> 's') = 'null') THEN NULL ELSE (notes_1.extra -> 's') || '' END) AS r
FROM notes AS notes_1
WHERE notes_1.org_id = ? AND (notes_1.public = 1 OR notes_1.author_id = ?) ORDER BY notes_1.number ASC) AS anon_2
