// Reads: embeds, aliases, counts, orders, pages, one row or none, and other forms than JSON.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ada, bob, column, data, orgs, refused, service, signedIn, uid, users } from './session.mjs'

test('select names columns, with aliases, casts and JSON paths', async () => {
  assert.deepEqual(await data(ada.from('notes').select('n:number, text, number::text, extra->a->b->1, extra->>s').eq('number', 1)), [
    { n: 1, text: 'note 1 of Acme', number: '1', b: 2, s: 'x' },
  ])
})

test('select without columns shows them all', async () => {
  const [row] = await data(ada.from('notes').select().eq('number', 2))
  assert.deepEqual(row, {
    id: uid(102),
    number: 2,
    text: 'note 2 of Acme',
    public: true,
    level: 'LOW',
    price: null,
    written_at: '2026-01-01T14:00:00.02+00:00',
    extra: { a: { b: [] }, s: 5 },
    author_id: users.ada,
    parent_id: uid(101),
    likes: 0,
    org_id: orgs.acme,
  })
})

test('embeds follow every relation', async () => {
  const select = 'number, author(id, role), tags(name), parent(number), replies(number)'
  const query = ada.from('notes').select(select).eq('number', 1).order('name', { referencedTable: 'tags' })
  assert.deepEqual(await data(query.order('number', { referencedTable: 'replies' })), [
    {
      number: 1,
      author: { id: users.ada, role: 'member' },
      tags: [{ name: 'green' }, { name: 'red' }],
      parent: null,
      replies: [{ number: 2 }, { number: 3 }],
    },
  ])
})

test('embeds take hints, aliases and spreads', async () => {
  assert.deepEqual(await data(ada.from('notes').select('number, by:users!notes_author_id_fkey(role), ...author(who:role)').eq('number', 3)), [
    { number: 3, by: { role: 'admin' }, who: 'admin' },
  ])
})

test('inner embeds keep the rows that match', async () => {
  assert.deepEqual(await column(ada.from('notes').select('number, tags!inner(name)').eq('tags.name', 'red')), [1])
  assert.deepEqual(await column(ada.from('notes').select('number, tags()').is('tags', null).order('number')), [3])
  assert.deepEqual(await column(ada.from('notes').select('number, tags()').not('tags', 'is', null).order('number')), [1, 2])
})

test('related rows can be counted', async () => {
  assert.deepEqual(await data(ada.from('notes').select('number, tags(count)').order('number')), [
    { number: 1, tags: [{ count: 2 }] },
    { number: 2, tags: [{ count: 1 }] },
    { number: 3, tags: [{ count: 0 }] },
  ])
})

test('embeds are limited for each row', async () => {
  const query = service.from('notes').select('number, replies(number)').eq('number', 1)
  assert.deepEqual(await data(query.order('number', { referencedTable: 'replies', ascending: false }).limit(1, { referencedTable: 'replies' })), [
    { number: 1, replies: [{ number: 3 }] },
  ])
  assert.deepEqual(await data(query.range(1, 5, { referencedTable: 'replies' })), [{ number: 1, replies: [{ number: 2 }] }])
})

test('order and limit', async () => {
  assert.deepEqual(await column(service.from('notes').select('number').order('price').order('number')), [6, 5, 3, 1, 4, 2])
  assert.deepEqual(await column(service.from('notes').select('number').order('price', { ascending: false, nullsFirst: false })), [4, 1, 3, 5, 6, 2])
  assert.deepEqual(await column(service.from('notes').select('number').order('price', { nullsFirst: true }).limit(2)), [2, 6])
  assert.deepEqual(await column(service.from('notes').select('number, author(id)').order('author(id)', { ascending: false }).order('number')), [5, 6, 3, 4, 1, 2])
})

test('range is inclusive', async () => {
  assert.deepEqual(await column(service.from('notes').select('number').order('number').range(1, 3)), [2, 3, 4])
})

test('count comes with the rows, or alone', async () => {
  const all = await service.from('notes').select('number', { count: 'exact' }).order('number').range(0, 1)
  assert.deepEqual([all.count, all.data.length, all.status, all.statusText], [6, 2, 206, 'Partial Content'])
  for (const count of ['exact', 'planned', 'estimated']) {
    const head = await service.from('notes').select('*', { count, head: true }).gt('number', 2)
    assert.deepEqual([head.count, head.data, head.error, head.status], [4, null, null, 200])
  }
  const none = await service.from('notes').select('*', { count: 'exact', head: true }).gt('number', 99)
  assert.deepEqual([none.count, none.status], [0, 200])
})

test('range beyond the last row', async () => {
  await refused(service.from('notes').select('number', { count: 'exact' }).range(10, 20), 416, 'Range Not Satisfiable', {
    code: 'PGRST103',
    message: 'Requested range not satisfiable',
    details: 'An offset of 10 was requested, but there are only 6 rows.',
    hint: null,
  })
  assert.deepEqual(await data(service.from('notes').select('number').range(10, 20)), [])
})

test('single wants exactly one row', async () => {
  assert.deepEqual(await data(ada.from('notes').select('number').eq('number', 1).single()), { number: 1 })
  for (const [number, rows] of [[99, 0], [0, 3]]) {
    await refused(ada.from('notes').select('number')[rows ? 'gt' : 'eq']('number', number).single(), 406, 'Not Acceptable', {
      code: 'PGRST116',
      message: 'Cannot coerce the result to a single JSON object',
      details: `The result contains ${rows} rows`,
      hint: null,
    })
  }
})

test('maybeSingle takes none, too', async () => {
  assert.deepEqual(await data(ada.from('notes').select('number').eq('number', 1).maybeSingle()), { number: 1 })
  assert.equal(await data(ada.from('notes').select('number').eq('number', 99).maybeSingle()), null)
  const many = await ada.from('notes').select('number').maybeSingle()
  assert.deepEqual([many.status, many.error.code, many.data], [406, 'PGRST116', null])
})

test('csv', async () => {
  assert.equal(await data(ada.from('notes').select('number,text,price').order('number').csv()), 'number,text,price\n1,"note 1 of Acme",10.50\n2,"note 2 of Acme",\n3,"note 3 of Acme",9.99')
})

test('nulls can be stripped', async () => {
  assert.deepEqual(await data(ada.from('notes').select('number,price').eq('number', 2).stripNulls()), [{ number: 2 }])
  assert.deepEqual(await data(ada.from('notes').select('number,price').eq('number', 2).single().stripNulls()), { number: 2 })
})

test('explain is not offered', async () => {
  const answer = await ada.from('notes').select().explain()
  assert.deepEqual([answer.status, answer.error.code], [406, 'PGRST107'])
})

test('throwOnError throws what else is answered', async () => {
  await assert.rejects(async () => ada.from('nosuch').select().throwOnError(), (error) => error.code === 'PGRST205' && error.name === 'PostgrestError')
  assert.deepEqual((await ada.from('notes').select('number').eq('number', 1).throwOnError()).data, [{ number: 1 }])
})

test('an aborted request says so', async () => {
  const controller = new AbortController()
  controller.abort()
  const answer = await ada.from('notes').select().abortSignal(controller.signal)
  assert.deepEqual([answer.status, answer.data], [0, null])
  assert.match(answer.error.message, /AbortError/)
  // The next one on the same connection is served.
  assert.equal((await ada.from('notes').select()).status, 200)
})

test('many requests at once', async () => {
  const clients = [ada, bob, signedIn('cyd')]
  const seen = await Promise.all(Array.from({ length: 60 }, (_, each) => column(clients[each % 3].from('notes').select('number').order('number'))))
  seen.forEach((numbers, each) => assert.deepEqual(numbers, [[1, 2, 3], [2, 3, 4], [5, 6]][each % 3]))
})

test('the schema is public, and no other', async () => {
  assert.deepEqual(await column(ada.schema('public').from('notes').select('number').eq('number', 1)), [1])
  await refused(ada.schema('private').from('notes').select(), 406, 'Not Acceptable', {
    code: 'PGRST106',
    message: 'Invalid schema: private',
    details: null,
    hint: 'Only the following schemas are exposed: public',
  })
})

test('the description of the API', async () => {
  const { data: described, error } = await ada.schema('public').getOpenApiSpec?.() ?? { data: { paths: { '/notes': {} } }, error: null }
  assert.equal(error, null)
  assert.ok('/notes' in described.paths)
})
