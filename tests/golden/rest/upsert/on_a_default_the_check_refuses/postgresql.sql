-- insert
INSERT INTO likes (note_id, user_id) VALUES (CAST($1::VARCHAR AS UUID), CAST($2::VARCHAR AS UUID)) ON CONFLICT (note_id, user_id) DO UPDATE SET note_id = excluded.note_id WHERE likes.user_id = CAST($3::VARCHAR AS UUID) RETURNING CAST(likes.note_id AS TEXT) AS note_id, CAST(likes.user_id AS TEXT) AS user_id, (xmax = 0) AS inserted

-- check of the new rows
SELECT count(*) AS count_1
FROM likes AS likes_1, json_to_recordset(CAST($1::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 UUID, c1 UUID)
WHERE likes_1.note_id = anon_1.c0 AND likes_1.user_id = anon_1.c1 AND likes_1.user_id = CAST($2::VARCHAR AS UUID)

-- check of the merged rows
SELECT count(*) AS count_1
FROM likes AS likes_1, json_to_recordset(CAST($1::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 UUID, c1 UUID)
WHERE likes_1.note_id = anon_1.c0 AND likes_1.user_id = anon_1.c1 AND likes_1.user_id = CAST($2::VARCHAR AS UUID)
