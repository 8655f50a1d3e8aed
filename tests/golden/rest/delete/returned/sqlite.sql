-- keys
SELECT note_tags_1.note_id AS note_id, note_tags_1.tag_id AS tag_id
FROM note_tags AS note_tags_1
WHERE note_tags_1.tag_id = ?

-- answer
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT substr(json_object('tag_id', note_tags_2.tag_id), -1, -2147483647) || ',"notes":' || coalesce((SELECT json_object('number', notes_3.number) AS r
FROM notes AS notes_3
WHERE note_tags_2.note_id = notes_3.id AND notes_3.org_id = ? AND (notes_3.public = 1 OR notes_3.author_id = ?)
 LIMIT 1), 'null') || '}' AS r
FROM json_each(?) AS anon_3 CROSS JOIN note_tags AS note_tags_2
WHERE note_tags_2.note_id = (anon_3.value ->> 0) AND note_tags_2.tag_id = (anon_3.value ->> 1) ORDER BY anon_3."key" NULLS LAST) AS anon_2

-- delete by keys
DELETE FROM note_tags WHERE (note_tags.note_id, note_tags.tag_id) IN (SELECT anon_2.value ->> 0 AS anon_1, anon_2.value ->> 1 AS anon_3
FROM json_each(?) AS anon_2)
