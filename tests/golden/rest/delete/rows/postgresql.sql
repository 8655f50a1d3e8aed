-- delete
DELETE FROM likes WHERE likes.user_id = CAST($1::VARCHAR AS UUID) RETURNING CAST(likes.note_id AS TEXT) AS note_id, CAST(likes.user_id AS TEXT) AS user_id
