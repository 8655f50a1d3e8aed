-- read
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT substr(json_object('name', tags_1.name), -1, -2147483647) || ',"notes":' || coalesce((SELECT '[' || coalesce(group_concat(anon_4.r, ','), '') || ']' AS anon_3
FROM (SELECT json_object('number', notes_2.number) AS r
FROM notes AS notes_2, note_tags AS note_tags_3
WHERE tags_1.id = note_tags_3.tag_id AND note_tags_3.note_id = notes_2.id AND notes_2.org_id = ? AND (notes_2.public = 1 OR notes_2.author_id = ?) AND notes_2.rowid IN (SELECT notes_search.rowid
FROM notes_search
WHERE notes_search MATCH ?) AND (? = 1 OR ts_match(notes_2.text, 'english', 'fts', ?) = 1)) AS anon_4), 'null') || '}' AS r
FROM tags AS tags_1 ORDER BY tags_1.id ASC) AS anon_2
