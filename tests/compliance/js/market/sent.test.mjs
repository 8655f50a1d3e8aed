// What supabase-js sends, to the letter: the answers elsewhere are answers to this.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { connect, keys } from '../session.mjs'

const sent = []
const spy = async (input, init) => {
  const answer = await fetch(input, init)
  const url = new URL(input)
  const headers = Object.fromEntries(new Headers(init.headers))
  const request = { method: init.method, path: url.pathname, query: url.search.slice(1), status: answer.status, body: init.body }
  sent.push({ ...headers, ...request, prefer: headers.prefer?.replaceAll(', ', ',') })
  return answer
}
const client = connect(keys.publishable, { global: { fetch: spy, headers: { 'X-Mine': '1' } } })
const goods = () => client.from('goods')

/** The one request that a query makes. */
async function request(query) {
  sent.length = 0
  const { error } = await query
  assert.equal(error, null, JSON.stringify(error))
  assert.equal(sent.length, 1)
  return sent[0]
}

test('keys, profiles and headers of ones own', async () => {
  const read = await request(goods().select('id').setHeader('X-Other', '2').retry(false))
  assert.deepEqual([read.method, read.apikey, read.authorization], ['GET', keys.publishable, `Bearer ${keys.publishable}`])
  assert.deepEqual([read['x-mine'], read['x-other'], read['accept-profile'], read['content-profile']], ['1', '2', 'public', undefined])
  assert.match(read['x-client-info'], /^supabase-js/)
  assert.deepEqual([read.accept, read.prefer, read['content-type']], [undefined, undefined, undefined])
  const write = await request(goods().update({ name: 'x' }).eq('id', 99))
  assert.deepEqual([write.method, write['content-profile'], write['content-type']], ['PATCH', 'public', 'application/json'])
  assert.equal(write.prefer, undefined)
})

test('a DELETE says that it is JSON, and has no body', async () => {
  const gone = await request(goods().delete().eq('id', 99))
  assert.deepEqual([gone.method, gone['content-type'], gone.body, gone.status], ['DELETE', 'application/json', undefined, 204])
})

test('the query is encoded as a form', async () => {
  const { query } = await request(goods().select('id, seller!inner( name )').eq('name', 'a b&c=d').in('id', [1, 2]).or('id.eq.1,name.eq."x y"'))
  assert.equal(query, 'select=id%2Cseller%21inner%28name%29&name=eq.a+b%26c%3Dd&id=in.%281%2C2%29&or=%28id.eq.1%2Cname.eq.%22x+y%22%29')
})

test('a list of rows names its columns', async () => {
  const made = await request(client.from('sellers').insert([{ id: 40, name: 'a' }, { id: 41, name: 'b' }]).select('id').rollback())
  assert.equal(made.query, 'columns=%22id%22%2C%22name%22&select=id')
  assert.equal(made.prefer, 'return=representation,tx=rollback')
})

test('preferences', async () => {
  const prefer = async (query) => (await request(query.rollback())).prefer.replace(',tx=rollback', '')
  assert.equal(await prefer(client.from('sellers').upsert({ id: 1, name: 'x' }, { count: 'exact', defaultToNull: false })), 'resolution=merge-duplicates,count=exact,missing=default')
  assert.equal(await prefer(client.from('sellers').upsert({ id: 1, name: 'x' }, { ignoreDuplicates: true, onConflict: 'id' })), 'resolution=ignore-duplicates')
  assert.equal((await request(goods().update({ price: 1 }).eq('id', 99).maxAffected(3))).prefer, 'handling=strict,max-affected=3')
  assert.equal((await request(goods().select('*', { count: 'planned', head: true }))).prefer, 'count=planned')
})

test('forms of the answer', async () => {
  const accept = async (query) => (await request(query)).accept
  assert.equal(await accept(goods().select().eq('id', 1).single()), 'application/vnd.pgrst.object+json')
  assert.equal(await accept(goods().select().eq('id', 1).maybeSingle()), undefined)
  assert.equal(await accept(goods().select().csv()), 'text/csv')
  assert.equal(await accept(goods().select().stripNulls()), 'application/vnd.pgrst.array+json;nulls=stripped')
  assert.equal(await accept(goods().select().eq('id', 1).single().stripNulls()), 'application/vnd.pgrst.object+json;nulls=stripped')
  assert.equal(await accept(goods().select().explain({ analyze: true, verbose: true, format: 'json' })), 'application/vnd.pgrst.plan+json; for="application/json"; options=analyze|verbose;')
  assert.equal(await accept(goods().select().eq('id', 1).single().explain()), 'application/vnd.pgrst.plan+text; for="application/vnd.pgrst.object+json"; options=;')
})

test('orders are appended, pages are parameters', async () => {
  const { query } = await request(client.from('sellers').select('id,goods(id)').order('name', { nullsFirst: false }).order('id', { ascending: false }).order('id', { referencedTable: 'goods' }).range(1, 3).limit(2, { referencedTable: 'goods' }))
  assert.equal(query, 'select=id%2Cgoods%28id%29&order=name.asc.nullslast%2Cid.desc&goods.order=id.asc&offset=1&limit=3&goods.limit=2')
})

test('values in a list are quoted where they must be', async () => {
  const { query } = await request(goods().select('id').in('name', ['a', 'b,c', '(d)', 'e"f', 'g h']))
  assert.equal(new URLSearchParams(query).get('name'), 'in.(a,"b,c","(d)",e"f,g h)')
})

test('arrays and documents that contain others', async () => {
  const asked = async (query, name) => new URLSearchParams((await request(query)).query).get(name)
  assert.equal(await asked(goods().select('id').contains('tags', ['a', 'b']), 'tags'), 'cs.{a,b}')
  assert.equal(await asked(goods().select('id').containedBy('tags', ['a']), 'tags'), 'cd.{a}')
  assert.equal(await asked(goods().select('id').overlaps('tags', ['a']), 'tags'), 'ov.{a}')
  assert.equal(await asked(goods().select('id').contains('doc', { a: [1] }), 'doc'), 'cs.{"a":[1]}')
})

test('functions', async () => {
  const read = await request(client.rpc('longest', { of: ['a', 'b'], not: undefined }, { get: true }))
  assert.deepEqual([read.method, read.path, new URLSearchParams(read.query).get('of')], ['GET', '/rest/v1/rpc/longest', '{a,b}'])
  const head = await request(client.rpc('cheap', { most: 1 }, { head: true, count: 'exact' }))
  assert.deepEqual([head.method, head.prefer], ['HEAD', 'count=exact'])
  const list = await request(client.rpc('longest', { of: ['a', 'b'] }, { head: true }))
  assert.deepEqual([list.method, new URLSearchParams(list.query).get('of')], ['HEAD', '{a,b}'])
  const posted = await request(client.rpc('sold_by', { seller: { id: 1 } }, { head: true, count: 'exact' }))
  assert.deepEqual([posted.method, posted.prefer, posted.body], ['POST', 'count=exact,return=minimal', '{"seller":{"id":1}}'])
})
