-- insert
INSERT INTO tags (id, name) VALUES (CAST($1::VARCHAR AS INTEGER), CAST($2::VARCHAR AS VARCHAR)) ON CONFLICT (id) DO UPDATE SET name = excluded.name RETURNING CAST(tags.id AS TEXT) AS id, (xmax = 0) AS inserted
