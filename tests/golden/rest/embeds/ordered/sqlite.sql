-- read
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT substr(json_object('id', users_1.id), -1, -2147483647) || ',"notes":' || coalesce((SELECT '[' || coalesce(group_concat(substr(json_object('number', notes_2.number), -1, -2147483647) || ',"tags":' || coalesce((SELECT '[' || coalesce(group_concat(json_object('name', tags_3.name), ',' ORDER BY tags_3.name ASC), '') || ']' AS anon_4
FROM tags AS tags_3, note_tags AS note_tags_4
WHERE notes_2.id = note_tags_4.note_id AND note_tags_4.tag_id = tags_3.id), 'null') || '}', ',' ORDER BY CASE WHEN (notes_2.level = 'LOW') THEN 0 WHEN (notes_2.level = 'HIGH') THEN 1 END DESC NULLS FIRST, notes_2.number ASC), '') || ']' AS anon_3
FROM notes AS notes_2
WHERE users_1.id = notes_2.author_id AND notes_2.org_id = ? AND (notes_2.public = 1 OR notes_2.author_id = ?)), 'null') || '}' AS r
FROM users AS users_1 ORDER BY users_1.id ASC) AS anon_2
