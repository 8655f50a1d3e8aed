-- read
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT substr(json_object('number', notes_1.number), -1, -2147483647) || ',"tags":' || coalesce((SELECT '[' || coalesce(group_concat(anon_4.r, ','), '') || ']' AS anon_3
FROM (SELECT json_object('name', tags_2.name) AS r
FROM tags AS tags_2, note_tags AS note_tags_3
WHERE notes_1.id = note_tags_3.note_id AND note_tags_3.tag_id = tags_2.id) AS anon_4), 'null') || '}' AS r
FROM notes AS notes_1
WHERE notes_1.org_id = ? AND (notes_1.public = 1 OR notes_1.author_id = ?) ORDER BY notes_1.number ASC) AS anon_2
