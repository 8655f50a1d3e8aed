-- delete
DELETE FROM tags WHERE tags.id = ? RETURNING id AS id
