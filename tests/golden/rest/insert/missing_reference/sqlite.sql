-- insert
INSERT INTO note_tags (note_id, tag_id) VALUES (?, ?) RETURNING 1
