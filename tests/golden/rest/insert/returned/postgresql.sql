-- insert
INSERT INTO notes (id, number, text, public, level, price, author_id, likes, org_id) VALUES (CAST($1::VARCHAR AS UUID), CAST($2::VARCHAR AS INTEGER), CAST($3::VARCHAR AS VARCHAR), CAST($4::VARCHAR AS BOOLEAN), CAST($5::VARCHAR AS level), CAST($6::VARCHAR AS NUMERIC), CAST($7::VARCHAR AS UUID), CAST($8::VARCHAR AS INTEGER), CAST($9::VARCHAR AS UUID)) RETURNING CAST(notes.id AS TEXT) AS id, notes.org_id = CAST($10::VARCHAR AS UUID) AND notes.author_id = CAST($11::VARCHAR AS UUID) AS kept, CASE WHEN (notes.org_id = CAST($12::VARCHAR AS UUID) AND (notes.public OR notes.author_id = CAST($13::VARCHAR AS UUID))) THEN (SELECT CAST(row_to_json(_rows) AS TEXT) AS row_to_json_1
FROM (SELECT notes.number AS number, notes.public AS public, notes.level AS level, notes.author_id AS author_id, notes.org_id AS org_id, notes.likes AS likes) AS _rows) END AS row, (SELECT c.relkind = 'r' AND NOT c.relhasrules AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) FROM pg_catalog.pg_class AS c WHERE c.oid = CAST('notes' AS regclass)) AS alone

-- check of the new rows, where there are triggers
SELECT count(*) AS count_1
FROM notes AS notes_1, json_to_recordset(CAST($1::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 UUID)
WHERE notes_1.id = anon_1.c0 AND notes_1.org_id = CAST($2::VARCHAR AS UUID) AND notes_1.author_id = CAST($3::VARCHAR AS UUID)

-- answer, where there are triggers
SELECT CAST(coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS TEXT) AS coalesce_1, count(*) AS count_1
FROM (SELECT notes_2.number AS number, notes_2.public AS public, notes_2.level AS level, notes_2.author_id AS author_id, notes_2.org_id AS org_id, notes_2.likes AS likes
FROM notes AS notes_2, json_to_recordset(CAST($1::VARCHAR AS JSON)) AS anon_1(n INTEGER, c0 UUID)
WHERE notes_2.id = anon_1.c0 AND notes_2.org_id = CAST($2::VARCHAR AS UUID) AND (notes_2.public OR notes_2.author_id = CAST($3::VARCHAR AS UUID)) ORDER BY anon_1.n) AS _rows
