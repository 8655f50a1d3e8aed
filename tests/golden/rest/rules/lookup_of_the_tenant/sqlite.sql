-- read
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT json_object('id', orgs_1.id, 'name', orgs_1.name) AS r
FROM orgs AS orgs_1
WHERE orgs_1.id = (SELECT caller.org_id
FROM users AS caller
WHERE caller.id = ?)) AS anon_2
