// vue-postgrest: models and collections that know their columns and keys from the root document.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Vue from 'vue'
import { vue } from './providers.mjs'
import { tokens, uid, url, users } from './session.mjs'

// It was written for browsers: addresses are relative to the page's, and node cannot find its file by itself.
Vue.config.productionTip = false
globalThis.window = { location: new URL(url) }
const { AuthError, FetchError, PrimaryKeyError, SchemaNotFoundError, default: plugin, pg, usePostgrest } = await import('./node_modules/vue-postgrest/dist/es/vue-postgrest.js')
Vue.use(plugin, { apiRoot: `${url}/rest/v1/` })

const api = (token) => vue(usePostgrest, url, token)
const ada = api(tokens.ada)
const bob = api(tokens.bob)
await Promise.all([ada.$ready, bob.$ready])

/** A component's list or model, as `pg` keeps it. */
function component(config) {
  return new Vue({ mixins: [pg], data: () => ({ pgConfig: { apiRoot: `${url}/rest/v1/`, token: tokens.ada, ...config } }) })
}

test('routes, columns and keys come from the root document', async () => {
  assert.deepEqual(ada.notes.pks, ['id'])
  assert.deepEqual(ada.note_tags.pks, ['note_id', 'tag_id'])
  assert.ok(ada.notes.columns.includes('author_id'))
  assert.ok(!ada.notes.columns.includes('secret'))
  assert.equal(typeof ada.rpc.add, 'function')
  const nobody = api(tokens.anon)
  await nobody.$ready
  assert.ok(nobody.tags && !nobody.users)
})

test('an address without a description is an error', async () => {
  await assert.rejects(usePostgrest(`${url}/rest/v1/notes`, tokens.ada).$ready, (error) => error instanceof SchemaNotFoundError)
})

test('rows, filters, order', async () => {
  const found = async (query) => (await (await ada.notes.get({ select: ['number'], order: ['number'], ...query })).json()).map((row) => row.number)
  assert.deepEqual(await found({}), [1, 2, 3])
  assert.deepEqual(await found({ 'number.gte': 2 }), [2, 3])
  assert.deepEqual(await found({ 'number.in': [1, 3] }), [1, 3])
  assert.deepEqual(await found({ 'price.is': null }), [2])
  assert.deepEqual(await found({ 'price.not.is': null }), [1, 3])
  assert.deepEqual(await found({ 'public.is': true }), [2, 3])
  assert.deepEqual(await found({ 'text.like': '*1 of*' }), [1])
  assert.deepEqual(await found({ or: { 'number.eq': 1, 'text.ilike': '*3 OF*' } }), [1, 3])
  assert.deepEqual(await found({ or: { 'number.eq': 1, and: { 'number.gt': 1, 'price.is': null } } }), [1, 2])
  assert.deepEqual(await found({ extra: { 's.eq': 'x' } }), [1])
  assert.deepEqual(await found({ order: { number: 'desc' }, limit: 1, offset: 1 }), [2])
})

test('embeds have queries of their own', async () => {
  const query = {
    select: { number: true, 'by:author_id': { select: ['role'] }, tags: { select: { name: true }, 'name.eq': 'red' }, extra: { a: true } },
    'number.eq': 1,
  }
  assert.deepEqual(await (await ada.notes.get(query, { accept: 'single' })).json(), {
    number: 1,
    by: { role: 'member' },
    tags: [{ name: 'red' }],
    a: { b: [1, 2] },
  })
})

test('a collection knows its range and total', async () => {
  const list = component({ route: 'notes', query: { select: ['id', 'number'], order: ['number'] }, limit: 2, offset: 1, count: 'exact' })
  await list.pg.$get()
  assert.deepEqual(list.pg.map((row) => row.number), [2, 3])
  assert.deepEqual(list.pg.$range, { first: 1, last: 2, totalCount: 3 })
})

test('a model is made, changed and deleted', async () => {
  const list = component({ route: 'notes', query: { order: ['number'] } })
  await list.pg.$get()
  const model = list.pg.$new({ number: 50, text: 'fifty', price: 2.5 })
  await model.$post({ columns: ['number', 'text', 'price'] })
  assert.deepEqual([model.number, model.author_id, model.price], [50, users.ada, 2.5])
  await list.pg.$get()
  const kept = list.pg.find((row) => row.number === 50)
  kept.text = 'changed'
  assert.ok(kept.$isDirty)
  await kept.$patch()
  assert.ok(!kept.$isDirty)
  await kept.$get()
  assert.equal(kept.text, 'changed')
  await kept.$patch({}, { text: 'again' })
  assert.equal(kept.text, 'again')
  await kept.$delete()
  await list.pg.$get()
  assert.deepEqual(list.pg.map((row) => row.number), [1, 2, 3])
})

test('a model is replaced', async () => {
  const one = component({ route: 'tags', token: tokens.bob, query: { 'id.eq': 3 }, single: true })
  await one.pg.$get()
  one.pg.name = 'azure'
  await one.pg.$put()
  assert.equal(one.pg.name, 'azure')
  const tag = await (await bob.tags.get({ 'id.eq': 3 }, { accept: 'single' })).json()
  assert.deepEqual(tag, { id: 3, name: 'azure' })
})

test('the key of a new row comes back in Location', async () => {
  const list = component({ route: 'note_tags', query: { 'note_id.eq': uid(101) } })
  await list.pg.$get()
  const model = list.pg.$new({ note_id: uid(101), tag_id: 3 })
  assert.deepEqual(await model.$post({ return: 'headers-only' }), { note_id: uid(101), tag_id: '3' })
  await list.pg.$get()
  assert.equal(list.pg.length, 3)
  await list.pg.find((row) => row.tag_id === 3).$delete()
})

test('a model without its key cannot be changed', async () => {
  const list = component({ route: 'notes', query: { select: ['number'] } })
  await list.pg.$get()
  await assert.rejects(list.pg[0].$delete(), (error) => error instanceof PrimaryKeyError)
})

test('functions', async () => {
  assert.equal(await (await ada.rpc.add({ a: 1, b: 2 })).json(), 3)
  assert.equal(await (await ada.rpc('add', { a: 1 }, { get: true })).json(), 11)
  const rows = await (await ada.rpc.notes_like({ pattern: '%Acme' }, { query: { select: ['number'], 'number.gt': 1 } })).json()
  assert.deepEqual(rows, [{ number: 2 }, { number: 3 }])
  assert.equal((await bob.rpc.rename_tag({ id: 1, name: 'scarlet' })).status, 204)
})

test('errors tell what was wrong', async () => {
  await assert.rejects(ada.notes.get({ 'nope.eq': 1 }), (error) => error instanceof FetchError && error.status === 400 && error.code === '42703')
  await assert.rejects(ada.tags.get({ 'id.eq': 99 }, { accept: 'single' }), { status: 406, code: 'PGRST116', details: 'The result contains 0 rows' })
  await assert.rejects(ada.notes.post({}, {}, { number: 1, text: 'x' }), { status: 409, code: '23505' })
  const expired = api(tokens.expired)
  await assert.rejects(expired.$ready, (error) => error instanceof SchemaNotFoundError)
  await assert.rejects(expired.$route('notes').get(), (error) => error instanceof AuthError && error.error === 'invalid_token' && error.error_description === 'JWT expired')
})
