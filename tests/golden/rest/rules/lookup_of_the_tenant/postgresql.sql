-- read
SELECT CASE WHEN (pg_column_size(json_agg(_rows)) > 2097152) THEN NULL ELSE CAST(coalesce(json_agg(_rows), CAST('[]' AS JSON)) AS TEXT) END AS anon_1, count(*) AS count_1
FROM (SELECT orgs_1.id AS id, orgs_1.name AS name
FROM orgs AS orgs_1
WHERE orgs_1.id = (SELECT caller.org_id
FROM users AS caller
WHERE caller.id = CAST($1::VARCHAR AS UUID))) AS _rows
