-- delete
DELETE FROM likes WHERE likes.user_id = ? RETURNING note_id AS note_id, user_id AS user_id
