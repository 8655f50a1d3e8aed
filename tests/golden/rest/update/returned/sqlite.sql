-- update
UPDATE notes SET text=? WHERE notes.org_id = ? AND (notes.public = 1 OR notes.author_id = ?) AND notes.org_id = ? AND notes.author_id = ? AND notes.number <= ? RETURNING id AS id

-- check of the new rows
SELECT count(*) AS count_1
FROM json_each(?) AS anon_1 CROSS JOIN notes AS notes_1
WHERE notes_1.id = (anon_1.value ->> 0) AND notes_1.org_id = ? AND notes_1.author_id = ? AND notes_1.number > ?

-- answer
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT substr(json_object('number', notes_2.number, 'text', notes_2.text), -1, -2147483647) || ',"tags":' || coalesce((SELECT '[' || coalesce(group_concat(anon_4.r, ','), '') || ']' AS anon_3
FROM (SELECT json_object('name', tags_3.name) AS r
FROM tags AS tags_3, note_tags AS note_tags_4
WHERE notes_2.id = note_tags_4.note_id AND note_tags_4.tag_id = tags_3.id) AS anon_4), 'null') || '}' AS r
FROM json_each(?) AS anon_5 CROSS JOIN notes AS notes_2
WHERE notes_2.id = (anon_5.value ->> 0) AND notes_2.org_id = ? AND (notes_2.public = 1 OR notes_2.author_id = ?) ORDER BY notes_2.number ASC) AS anon_2
