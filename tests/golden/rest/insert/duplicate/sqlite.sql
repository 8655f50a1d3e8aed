-- insert
INSERT INTO tags (id, name) SELECT not_null(anon_1.value ->> 0, 'id', 'tags') AS not_null_1, anon_1.value ->> 1 AS anon_2
FROM json_each(?) AS anon_1
WHERE 1 = 1 RETURNING 1
