-- insert
INSERT INTO tags (id, name) VALUES (not_null(?, 'id', 'tags'), ?) RETURNING 1
