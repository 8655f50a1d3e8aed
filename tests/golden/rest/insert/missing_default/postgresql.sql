-- insert
INSERT INTO notes (number, public, text, id, level, author_id, likes, org_id) SELECT anon_1.c0, anon_1.c1, anon_1.c2, anon_1.c3, CAST($5::VARCHAR AS level) AS anon_2, CAST($6::VARCHAR AS UUID) AS anon_3, CAST($7::VARCHAR AS INTEGER) AS anon_4, CAST($8::VARCHAR AS UUID) AS anon_5
FROM json_to_recordset(CAST($9::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 INTEGER, c1 BOOLEAN, c2 VARCHAR, c3 UUID) ORDER BY anon_1.n RETURNING CAST(notes.id AS TEXT) AS id, notes.org_id = CAST($1::VARCHAR AS UUID) AND notes.author_id = CAST($2::VARCHAR AS UUID) AS kept, CASE WHEN (notes.org_id = CAST($3::VARCHAR AS UUID) AND (notes.public OR notes.author_id = CAST($4::VARCHAR AS UUID))) THEN (SELECT CAST(row_to_json(_rows) AS TEXT) AS row_to_json_1
FROM (SELECT notes.number AS number, notes.text AS text, notes.public AS public) AS _rows) END AS row, (SELECT c.relkind = 'r' AND NOT c.relhasrules AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) FROM pg_catalog.pg_class AS c WHERE c.oid = CAST('notes' AS regclass)) AS alone

-- check of the new rows, where there are triggers
SELECT count(*) AS count_1
FROM notes AS notes_1, json_to_recordset(CAST($1::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 UUID)
WHERE notes_1.id = anon_1.c0 AND notes_1.org_id = CAST($2::VARCHAR AS UUID) AND notes_1.author_id = CAST($3::VARCHAR AS UUID)

-- answer, where there are triggers
SELECT CAST(coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS TEXT) AS coalesce_1, count(*) AS count_1
FROM (SELECT notes_2.number AS number, notes_2.text AS text, notes_2.public AS public
FROM notes AS notes_2, json_to_recordset(CAST($1::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 UUID)
WHERE notes_2.id = anon_1.c0 AND notes_2.org_id = CAST($2::VARCHAR AS UUID) AND (notes_2.public OR notes_2.author_id = CAST($3::VARCHAR AS UUID)) ORDER BY anon_1.n) AS _rows
