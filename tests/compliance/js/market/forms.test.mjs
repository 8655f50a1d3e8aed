// Other forms of an answer: plans, CSV, aggregates, nothing that is null, and writes that are undone.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anon, column, data, database } from '../session.mjs'

const goods = (columns = 'id') => anon.from('goods').select(columns).order('id')

test('explain, as text', async () => {
  const plan = await data(goods().eq('id', 1).explain())
  assert.match(plan, database === 'postgresql' ? /Scan.*goods.*\(cost=/s : /SEARCH goods\w* USING INTEGER PRIMARY KEY/)
})

test('explain, as JSON', async () => {
  const plan = await data(goods().eq('id', 1).explain({ format: 'json' }))
  assert.ok(Array.isArray(plan))
  assert.match(JSON.stringify(plan), /goods/)
})

test('explain, with options', async () => {
  const plan = await data(goods().explain({ analyze: true, verbose: true, settings: true, buffers: true, wal: true, format: 'text' }))
  if (database === 'postgresql') assert.match(plan, /actual time=/)
  else assert.match(plan, /SCAN goods/)
})

test('explain of a write leaves nothing', async () => {
  await data(anon.from('goods').update({ name: 'x' }).eq('id', 1).select().explain({ analyze: true }))
  assert.deepEqual(await column(anon.from('goods').select('name').eq('id', 1), 'name'), ['apple'])
})

test('csv', async () => {
  assert.equal(
    await data(goods('id,name,tags,price').lt('id', 4).csv()),
    'id,name,tags,price\n1,apple,"{red,sweet}",1.20\n2,beet,"{red,""so \\\\""called\\\\""""}",0.80\n3,cress,"{green,""a,b""}",',
  )
  assert.equal(await data(anon.rpc('cheap', {}).select('id,name').csv()), 'id,name\n1,apple\n2,beet')
  assert.equal(await data(anon.from('sellers').insert({ id: 30, name: 'Lea' }).select().csv(), 201), 'id,name\n30,Lea')
  await data(anon.from('sellers').delete().eq('id', 30), 204)
})

test('nulls are stripped, at any depth', async () => {
  assert.deepEqual(await data(goods('id,text,price,seller(name,goods(id,price))').eq('id', 3).stripNulls()), [
    { id: 3, text: 'a green herb; fruit trees keep it cool', seller: { name: 'Jon', goods: [{ id: 3 }, { id: 4, price: 12.0 }] } },
  ])
  assert.deepEqual(await data(goods('id,text,doc').eq('id', 4).single().stripNulls()), { id: 4, doc: { n: [2], from: { city: 'Rome' } } })
  assert.deepEqual(await data(anon.rpc('cheap').select('id,price').lt('id', 2).stripNulls()), [{ id: 1, price: 1.2 }])
})

test('geojson is not offered', async () => {
  const answer = await goods().geojson()
  assert.deepEqual([answer.status, answer.error.code], [406, 'PGRST107'])
})

test('aggregates', async () => {
  assert.deepEqual(await data(anon.from('goods').select('price.sum(), price.max(), count()')), [{ sum: 14.0, max: 12.0, count: 4 }])
  assert.deepEqual(await data(anon.from('goods').select('seller_id, n:count(), least:price.min()::text').order('seller_id')), [
    { seller_id: 1, n: 2, least: '0.80' },
    { seller_id: 2, n: 2, least: '12.00' },
  ])
  assert.deepEqual(await data(anon.from('sellers').select('name, goods(id.max())').order('name')), [
    { name: 'Ida', goods: [{ max: 2 }] },
    { name: 'Jon', goods: [{ max: 4 }] },
    { name: 'Kim', goods: [{ max: null }] },
  ])
})

test('rollback undoes a write that is answered', async () => {
  const made = await anon.from('goods').insert({ id: 9, name: 'egg', tags: [], seller_id: 3 }).select('id,seller(name)').rollback()
  assert.deepEqual([made.status, made.data], [201, [{ id: 9, seller: { name: 'Kim' } }]])
  assert.deepEqual(await data(anon.from('goods').update({ price: 0 }).lt('id', 3).select('id,price').order('id').rollback()), [
    { id: 1, price: 0.0 },
    { id: 2, price: 0.0 },
  ])
  assert.deepEqual(await data(anon.from('goods').delete().eq('id', 1).select('id').rollback()), [{ id: 1 }])
  const upserted = await anon.from('sellers').upsert({ id: 1, name: 'Ada' }).select().rollback()
  assert.deepEqual([upserted.status, upserted.data], [200, [{ id: 1, name: 'Ada' }]])
  assert.equal((await data(anon.rpc('discount', { percent: 50 }).rollback())).length, 4)
  assert.deepEqual(await data(goods('id,price').eq('id', 1)), [{ id: 1, price: 1.2 }])
  assert.deepEqual(await column(anon.from('sellers').select('name').order('id'), 'name'), ['Ida', 'Jon', 'Kim'])
})

test('rollback of what fails is the failure', async () => {
  const answer = await anon.from('goods').insert({ id: 1, name: 'x', tags: [], seller_id: 1 }).rollback()
  assert.deepEqual([answer.status, answer.error.code], [409, '23505'])
})

test('maxAffected, on functions and deletes', async () => {
  const far = await anon.rpc('discount', { percent: 50 }).maxAffected(3)
  assert.deepEqual([far.status, far.error.code, far.error.details], [400, 'PGRST124', 'The query affects 4 rows'])
  assert.deepEqual(await data(goods('price').eq('id', 1)), [{ price: 1.2 }])
  const scalar = await anon.rpc('longest', { of: ['a'] }).maxAffected(3)
  assert.deepEqual([scalar.status, scalar.error.code], [400, 'PGRST128'])
  const gone = await anon.from('goods').delete().gt('id', 0).maxAffected(1)
  assert.deepEqual([gone.status, gone.error.code], [400, 'PGRST124'])
  assert.deepEqual(await column(goods(), 'id'), [1, 2, 3, 4])
})

test('order, limit and range of embeds, with nulls first or last', async () => {
  const sellers = () => anon.from('sellers').select('name, goods(id, price)').eq('id', 2)
  const ids = async (query) => (await data(query))[0].goods.map((good) => good.id)
  assert.deepEqual(await ids(sellers().order('price', { referencedTable: 'goods', nullsFirst: true })), [3, 4])
  assert.deepEqual(await ids(sellers().order('price', { referencedTable: 'goods', nullsFirst: false })), [4, 3])
  assert.deepEqual(await ids(sellers().order('price', { referencedTable: 'goods', ascending: false })), [3, 4])
  assert.deepEqual(await ids(sellers().order('id', { referencedTable: 'goods', ascending: false }).limit(1, { referencedTable: 'goods' })), [4])
  assert.deepEqual(await ids(sellers().order('id', { referencedTable: 'goods' }).range(1, 1, { referencedTable: 'goods' })), [4])
  assert.deepEqual(await ids(sellers().or('price.is.null,price.gt.100', { referencedTable: 'goods' })), [3])
})

test('functions by GET and HEAD', async () => {
  assert.equal(await data(anon.rpc('longest', { of: ['a', 'b c', 'd'] }, { get: true })), 'b c')
  const counted = await anon.rpc('cheap', { most: 1 }, { get: true, count: 'exact' })
  assert.deepEqual([counted.count, counted.data.map((good) => good.id)], [1, [2]])
  const head = await anon.rpc('cheap', { most: 5 }, { head: true, count: 'exact' })
  assert.deepEqual([head.status, head.count, head.data], [200, 2, null])
  assert.deepEqual((await anon.rpc('longest', { of: ['a'] }, { head: true })).error, null)
  // With an object for an argument the client posts, whatever it was told.
  const posted = await anon.rpc('sold_by', { seller: { id: 1 } }, { head: true, count: 'exact' })
  assert.deepEqual([posted.error, posted.status, posted.count], [null, 200, 2])
  assert.equal(await data(anon.rpc('cheap', { most: 0 }).maybeSingle()), null)
})

test('a request that is given up says so, and the next is answered', async () => {
  const answer = await anon.rpc('wait', { seconds: 5 }).abortSignal(AbortSignal.timeout(100))
  assert.deepEqual([answer.status, answer.data], [0, null])
  assert.match(answer.error.message, /TimeoutError|AbortError/)
  assert.equal(await data(anon.rpc('wait', { seconds: 0 })), 'late')
})

test('writes are counted', async () => {
  const made = await anon.from('sellers').insert([{ id: 10, name: 'a' }, { id: 11, name: 'b' }], { count: 'exact' })
  assert.deepEqual([made.status, made.count, made.data], [201, 2, null])
  const merged = await anon.from('sellers').upsert([{ id: 10, name: 'c' }, { id: 12, name: 'd' }], { count: 'exact' })
  assert.deepEqual([merged.status, merged.count], [201, 2])
  const changed = await anon.from('sellers').update({ name: 'e' }, { count: 'planned' }).gte('id', 10)
  assert.deepEqual([changed.status, changed.statusText], [204, 'No Content'])
  const gone = await anon.from('sellers').delete({ count: 'exact' }).gte('id', 10)
  assert.deepEqual([gone.status, gone.count], [204, 3])
})
