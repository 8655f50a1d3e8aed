// react-admin's data provider for PostgREST, as react-admin calls it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fetchUtils } from 'ra-core'
import provider from '@raphiniert/ra-data-postgrest'
import { reactAdmin } from './providers.mjs'
import { keys, orgs, tokens, uid, url, users } from './session.mjs'

const primaryKeys = new Map([
  ['note_tags', ['note_id', 'tag_id']],
  ['rpc/notes_like', ['number']],
])

function signedIn(name, options = {}) {
  const httpClient = (address, { headers = new Headers(), ...rest } = {}) => {
    headers.set('apikey', name ? keys.publishable : keys.secret)
    if (name) headers.set('Authorization', `Bearer ${tokens[name]}`)
    return fetchUtils.fetchJson(address, { ...rest, headers })
  }
  return provider.default({ apiUrl: `${url}/rest/v1`, httpClient, defaultListOp: 'eq', primaryKeys, schema: () => '', ...options })
}

const [ada, bob] = ['ada', 'bob'].map((name) => signedIn(name))
const service = signedIn(null)
const page = (page, perPage, sort = { field: 'number', order: 'ASC' }, filter = {}, more = {}) => ({ pagination: { page, perPage }, sort, filter, ...more })
const numbers = ({ data }) => data.map((row) => row.number)
const found = async (filter) => numbers(await service.getList('notes', page(1, 10, undefined, filter)))

test('getList answers a page and the total', async () => {
  const first = await service.getList('notes', page(1, 4))
  assert.deepEqual([numbers(first), first.total], [[1, 2, 3, 4], 6])
  const second = await service.getList('notes', page(2, 4))
  assert.deepEqual([numbers(second), second.total], [[5, 6], 6])
  const beyond = await service.getList('notes', page(1, 10, undefined, { number: 99 }))
  assert.deepEqual([beyond.data, beyond.total], [[], 0])
  const ofAda = await ada.getList('notes', page(1, 2))
  assert.deepEqual([numbers(ofAda), ofAda.total], [[1, 2], 3])
})

test('getList sorts', async () => {
  const by = async (field, order, meta) => numbers(await service.getList('notes', page(1, 10, { field, order }, {}, { meta })))
  assert.deepEqual(await by('price', 'ASC'), [6, 5, 3, 1, 4, 2])
  assert.deepEqual(await by('price', 'DESC'), [2, 4, 1, 3, 5, 6])
  assert.deepEqual(await by('price', 'DESC', { nullslast: true }), [4, 1, 3, 5, 6, 2])
  assert.deepEqual(await by('price', 'ASC', { nullsfirst: true }), [2, 6, 5, 3, 1, 4])
  assert.deepEqual(await by('id', 'DESC'), [6, 5, 4, 3, 2, 1])
})

test('getList filters by every form that the provider writes', async () => {
  assert.deepEqual(await found({ level: 'HIGH' }), [1, 4])
  assert.deepEqual(await found({ 'number@gt': 4 }), [5, 6])
  // Two filters of one column, and two words of one search, it writes as only a tree takes them.
  assert.deepEqual(await found({ '@and': { 'number@gte': 2, 'number@lt': 4 } }), [2, 3])
  assert.deepEqual(await found({ '@and': { 'text@ilike': 'ZETA note' } }), [5, 6])
  assert.deepEqual(await found({ 'text@ilike': 'ZETA' }), [5, 6])
  assert.deepEqual(await found({ 'text@like': 'Zeta' }), [5, 6])
  assert.deepEqual(await found({ 'text@match': '^note [12] ' }), [1, 2])
  assert.deepEqual(await found({ 'number@in': '(1,3,99)' }), [1, 3])
  assert.deepEqual(await found({ 'price@is': 'null' }), [2])
  assert.deepEqual(await found({ 'price@not.is': 'null' }), [1, 3, 4, 5, 6])
  assert.deepEqual(await found({ 'public@is': true }), [2, 3, 5])
  assert.deepEqual(await found({ '@or': { 'number@eq': 1, 'text@ilike': 'zeta' } }), [1, 5, 6])
  assert.deepEqual(await found({ 'extra->>s': 'x' }), [1])
})

test('getOne, with what is embedded', async () => {
  const { data } = await ada.getOne('notes', { id: uid(101) })
  assert.deepEqual([data.number, data.price, data.author_id, data.org_id], [1, 10.5, users.ada, orgs.acme])
  const columns = await ada.getOne('notes', { id: uid(101), meta: { columns: ['id', 'n:number'] } })
  assert.deepEqual(columns.data, { id: uid(101), n: 1 })
  const embedded = await ada.getOne('notes', { id: uid(101), meta: { columns: ['id'], embed: ['tags'] } })
  assert.deepEqual(embedded.data.tags.map((tag) => tag.name).sort(), ['green', 'red'])
  const prefetched = await ada.getOne('notes', { id: uid(101), meta: { prefetch: ['author', 'tags'] } })
  assert.deepEqual(prefetched.meta.prefetched.tags.map((tag) => tag.id).sort(), [1, 2])
  assert.equal(prefetched.meta.prefetched.author[0].id, users.ada)
  assert.ok(!('tags' in prefetched.data))
})

test('getOne of nothing is an error', async () => {
  await assert.rejects(ada.getOne('notes', { id: uid(999) }), { name: 'HttpError', status: 406, message: 'Cannot coerce the result to a single JSON object' })
  await assert.rejects(ada.getOne('notes', { id: uid(104) }), { status: 406 })
})

test('getMany', async () => {
  assert.deepEqual(numbers(await ada.getMany('notes', { ids: [uid(101), uid(103), uid(104)] })).sort(), [1, 3])
  assert.deepEqual(numbers(await ada.getMany('notes', { ids: [uid(101)] })), [1])
  assert.deepEqual((await ada.getMany('notes', { ids: [] })).data, [])
})

test('getManyReference', async () => {
  const replies = { target: 'parent_id', id: uid(101), ...page(1, 1, { field: 'number', order: 'DESC' }) }
  const { data, total } = await service.getManyReference('notes', replies)
  assert.deepEqual([data.map((row) => row.number), total], [[3], 2])
})

test('create, update, delete', async () => {
  const { data } = await ada.create('notes', { data: { number: 50, text: 'fifty' } })
  assert.deepEqual([data.number, data.author_id, data.public, typeof data.id], [50, users.ada, false, 'string'])
  const changed = await ada.update('notes', { id: data.id, data: { ...data, text: 'changed', price: 1.5 }, previousData: data })
  assert.deepEqual([changed.data.text, changed.data.price, changed.data.id], ['changed', 1.5, data.id])
  const same = await ada.update('notes', { id: data.id, data, previousData: data })
  assert.deepEqual(same.data, data)
  const gone = await ada.delete('notes', { id: data.id })
  assert.equal(gone.data.number, 50)
  await assert.rejects(ada.getOne('notes', { id: data.id }), { status: 406 })
})

test('updateMany and deleteMany answer the ids', async () => {
  const made = await Promise.all([60, 61].map((number) => ada.create('notes', { data: { number, text: 'x' } })))
  const ids = made.map(({ data }) => data.id)
  const changed = await ada.updateMany('notes', { ids, data: { text: 'many' } })
  assert.deepEqual(changed.data.sort(), [...ids].sort())
  assert.deepEqual(await found({ text: 'many' }), [60, 61])
  // Of those that are not Ada's, none.
  assert.deepEqual((await ada.updateMany('notes', { ids: [ids[0], uid(103)], data: { text: 'hers' } })).data, [ids[0]])
  assert.deepEqual((await ada.deleteMany('notes', { ids })).data.sort(), [...ids].sort())
  assert.deepEqual(await found({ 'number@gte': 60 }), [])
})

test('keys of two columns', async () => {
  const key = (note, tag) => JSON.stringify([uid(note), tag])
  const list = await service.getList('note_tags', page(1, 2, { field: 'id', order: 'ASC' }))
  assert.deepEqual([list.data.map((row) => row.id), list.total], [[key(101, 1), key(101, 2)], 4])
  assert.deepEqual((await service.getOne('note_tags', { id: key(101, 2) })).data, { note_id: uid(101), tag_id: 2, id: key(101, 2) })
  const many = await service.getMany('note_tags', { ids: [key(101, 1), key(105, 3), key(105, 1)] })
  assert.deepEqual(many.data.map((row) => row.id).sort(), [key(101, 1), key(105, 3)])
  const made = await ada.create('note_tags', { data: { note_id: uid(101), tag_id: 3 } })
  assert.equal(made.data.id, key(101, 3))
  const gone = await ada.delete('note_tags', { id: key(101, 3) })
  assert.equal(gone.data.tag_id, 3)
})

test('a function that answers rows is a resource', async () => {
  const list = await ada.getList('rpc/notes_like', page(1, 2, { field: 'number', order: 'DESC' }, { 'pattern@': '%Acme' }))
  assert.deepEqual([numbers(list), list.total], [[3, 2], 3])
})

test('as the documentation says', async () => {
  const documented = reactAdmin(url, keys.publishable, tokens.ada)
  assert.deepEqual(numbers(await documented.getList('notes', page(1, 10))), [1, 2, 3])
  const { data } = await documented.create('note_tags', { data: { note_id: uid(103), tag_id: 1 } })
  assert.equal((await documented.delete('note_tags', { id: data.id })).data.note_id, uid(103))
})

test('a schema of its own is asked for', async () => {
  const named = signedIn('ada', { schema: () => 'public' })
  assert.equal((await named.getOne('notes', { id: uid(101) })).data.number, 1)
  await assert.rejects(ada.getList('notes', page(1, 5, undefined, {}, { meta: { schema: 'private' } })), { status: 406, message: 'Invalid schema: private' })
})

test('errors tell what was wrong', async () => {
  await assert.rejects(ada.getList('nosuch', page(1, 5)), { status: 404, body: { code: 'PGRST205', message: "Could not find the table 'public.nosuch' in the schema cache", details: null, hint: null } })
  await assert.rejects(ada.getList('notes', page(1, 5, undefined, { nope: 1 })), { status: 400, message: 'column notes.nope does not exist' })
  await assert.rejects(ada.create('notes', { data: { number: 1, text: 'x' } }), { status: 409, message: 'duplicate key value violates unique constraint "notes_org_id_number_key"' })
  await assert.rejects(ada.create('notes', { data: { number: 70, text: 'x', author_id: users.bob } }), { status: 403, message: 'new row violates row-level security policy for table "notes"' })
  await assert.rejects(bob.update('notes', { id: uid(101), data: { text: 'x' }, previousData: {} }), { status: 406 })
})
