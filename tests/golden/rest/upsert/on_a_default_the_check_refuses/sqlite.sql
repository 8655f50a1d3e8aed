-- which rows are there
SELECT CASE WHEN (EXISTS (SELECT 1
FROM likes AS likes_1
WHERE likes_1.note_id = ? AND likes_1.user_id = ?)) THEN ? ELSE ? END AS anon_1

-- insert
INSERT INTO likes (note_id, user_id) VALUES (?, ?) ON CONFLICT (note_id, user_id) DO UPDATE SET note_id = excluded.note_id WHERE likes.user_id = ? RETURNING note_id AS note_id, user_id AS user_id

-- check of the new rows
SELECT count(*) AS count_1
FROM json_each(?) AS anon_1 CROSS JOIN likes AS likes_1
WHERE likes_1.note_id = (anon_1.value ->> 0) AND likes_1.user_id = (anon_1.value ->> 1) AND likes_1.user_id = ?

-- check of the merged rows
SELECT count(*) AS count_1
FROM json_each(?) AS anon_1 CROSS JOIN likes AS likes_1
WHERE likes_1.note_id = (anon_1.value ->> 0) AND likes_1.user_id = (anon_1.value ->> 1) AND likes_1.user_id = ?
