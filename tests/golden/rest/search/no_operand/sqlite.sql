-- read
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT json_object('id', notes_1.id, 'number', notes_1.number, 'text', notes_1.text, 'public', json(CASE WHEN (notes_1.public IS 1) THEN 'true' WHEN (notes_1.public IS 0) THEN 'false' END), 'level', notes_1.level, 'price', json(notes_1.price), 'written_at', notes_1.written_at, 'extra', json(notes_1.extra), 'author_id', notes_1.author_id, 'parent_id', notes_1.parent_id, 'likes', notes_1.likes, 'org_id', notes_1.org_id) AS r
FROM notes AS notes_1
WHERE notes_1.org_id = ? AND (notes_1.public = 1 OR notes_1.author_id = ?) AND notes_1.rowid IN (SELECT notes_search.rowid
FROM notes_search
WHERE notes_search MATCH ?) AND (? = 1 OR ts_match(notes_1.text, 'english', 'fts', ?) = 1)) AS anon_2
