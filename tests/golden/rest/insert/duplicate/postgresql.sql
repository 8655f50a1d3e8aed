-- insert
INSERT INTO tags (id, name) SELECT anon_1.c0, anon_1.c1
FROM json_to_recordset(CAST($1::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 INTEGER, c1 VARCHAR) ORDER BY anon_1.n RETURNING 1
