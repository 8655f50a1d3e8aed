-- keys
SELECT boards_1.id AS id
FROM boards AS boards_1
WHERE boards_1.org_id = ? AND boards_1.org_id = ? AND boards_1.id = ?

-- answer
SELECT '[' || coalesce(group_concat(anon_2.r, ','), '') || ']' AS anon_1, count(*) AS count_1
FROM (SELECT json_object('id', boards_2.id, 'level', boards_2.level, 'org_id', boards_2.org_id) AS r
FROM json_each(?) AS anon_3 CROSS JOIN boards AS boards_2
WHERE boards_2.id = (anon_3.value ->> 0) AND boards_2.org_id = ? ORDER BY anon_3."key" NULLS LAST) AS anon_2

-- delete by keys
DELETE FROM boards WHERE boards.id IN (SELECT anon_2.value ->> 0 AS anon_1
FROM json_each(?) AS anon_2)
