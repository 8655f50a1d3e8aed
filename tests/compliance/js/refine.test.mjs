// refine's data provider for Supabase.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dataProvider } from '@refinedev/supabase'
import { refine } from './providers.mjs'
import { keys, service as serviceClient, signedIn, tokens, uid, url, users } from './session.mjs'

const [ada, bob] = ['ada', 'bob'].map((name) => dataProvider(signedIn(name)))
const service = dataProvider(serviceClient)

const byNumber = [{ field: 'number', order: 'asc' }]
const list = (filters = [], more = {}) => ({ resource: 'notes', sorters: byNumber, filters, ...more })
const numbers = ({ data }) => data.map((row) => row.number)
const found = async (...filters) => numbers(await service.getList(list(filters)))

test('getList answers a page and the total', async () => {
  const first = await service.getList(list([], { pagination: { currentPage: 1, pageSize: 4 } }))
  assert.deepEqual([numbers(first), first.total], [[1, 2, 3, 4], 6])
  const second = await service.getList(list([], { pagination: { currentPage: 2, pageSize: 4 } }))
  assert.deepEqual([numbers(second), second.total], [[5, 6], 6])
  const all = await service.getList(list([], { pagination: { mode: 'off' } }))
  assert.deepEqual([numbers(all).length, all.total], [6, 6])
  const none = await service.getList(list([{ field: 'number', operator: 'gt', value: 99 }]))
  assert.deepEqual([none.data, none.total], [[], 0])
})

test('getList sorts, also by what is embedded', async () => {
  const descending = await ada.getList(list([], { sorters: [{ field: 'number', order: 'desc' }] }))
  assert.deepEqual(numbers(descending), [3, 2, 1])
  const embedded = await ada.getList(list([], { sorters: [{ field: 'tags.name', order: 'desc' }, ...byNumber] }))
  assert.deepEqual(embedded.data.map((row) => row.tags.map((tag) => tag.name)), [['red', 'green'], ['green'], []])
})

test('getList filters by every operator', async () => {
  const cases = [
    ['eq', 3, [3]],
    ['ne', 3, [1, 2, 4, 5, 6]],
    ['gt', 4, [5, 6]],
    ['gte', 5, [5, 6]],
    ['lt', 2, [1]],
    ['lte', 2, [1, 2]],
    ['in', [1, 3, 99], [1, 3]],
    ['nin', '(1,2)', [3, 4, 5, 6]],
    ['between', [2, 4], [2, 3, 4]],
  ]
  for (const [operator, value, expected] of cases) {
    assert.deepEqual(await found({ field: 'number', operator, value }), expected, operator)
  }
  const texts = [
    ['contains', 'ZETA', [5, 6]],
    ['containss', 'Zeta', [5, 6]],
    ['ncontains', '%ZETA%', [1, 2, 3, 4]],
    ['ncontainss', '%zeta%', [1, 2, 3, 4, 5, 6]],
    ['startswith', 'NOTE 1', [1]],
    ['endswith', 'zeta', [5, 6]],
  ]
  for (const [operator, value, expected] of texts) {
    assert.deepEqual(await found({ field: 'text', operator, value }), expected, operator)
  }
  assert.deepEqual(await found({ field: 'price', operator: 'null' }), [2])
  assert.deepEqual(await found({ field: 'price', operator: 'nnull', value: null }), [1, 3, 4, 5, 6])
  assert.deepEqual(await found({ field: 'level', operator: 'eq', value: 'HIGH' }, { field: 'public', operator: 'eq', value: false }), [1, 4])
})

test('getList filters by one of several', async () => {
  const or = (...value) => ({ operator: 'or', value })
  assert.deepEqual(await found(or({ field: 'number', operator: 'eq', value: 1 }, { field: 'text', operator: 'contains', value: 'zeta' })), [1, 5, 6])
  assert.deepEqual(await found(or({ field: 'number', operator: 'in', value: [2, 3] }, { field: 'price', operator: 'null', value: null })), [2, 3])
  assert.deepEqual(await found(or({ field: 'text', operator: 'containss', value: 'note 4' }, { field: 'number', operator: 'gt', value: 5 })), [4, 6])
})

test('getOne and getMany', async () => {
  const { data } = await ada.getOne({ resource: 'notes', id: uid(101), meta: { select: 'number, author(role), tags(name)' } })
  assert.deepEqual([data.number, data.author, data.tags.length], [1, { role: 'member' }, 2])
  assert.equal((await ada.getOne({ resource: 'notes', id: uid(104) })).data, undefined)
  assert.deepEqual(numbers(await ada.getMany({ resource: 'notes', ids: [uid(101), uid(103), uid(104)] })).sort(), [1, 3])
  const named = await ada.getMany({ resource: 'tags', ids: ['red', 'blue'], meta: { idColumnName: 'name', select: 'id' } })
  assert.deepEqual(named.data.map((row) => row.id).sort(), [1, 3])
})

test('create, update, delete', async () => {
  const { data } = await ada.create({ resource: 'notes', variables: { number: 50, text: 'fifty' } })
  assert.deepEqual([data.number, data.author_id], [50, users.ada])
  const changed = await ada.update({ resource: 'notes', id: data.id, variables: { text: 'changed' }, meta: { select: 'text' } })
  assert.deepEqual(changed.data, { text: 'changed' })
  await ada.deleteOne({ resource: 'notes', id: data.id })
  assert.deepEqual(await found({ field: 'number', operator: 'eq', value: 50 }), [])
})

test('many at once', async () => {
  const rows = [60, 61].map((number) => ({ number, text: 'x' }))
  const made = await ada.createMany({ resource: 'notes', variables: rows })
  const ids = made.data.map((row) => row.id)
  assert.deepEqual(numbers(made), [60, 61])
  const changed = await ada.updateMany({ resource: 'notes', ids, variables: { text: 'many' } })
  assert.deepEqual(changed.data.map((row) => row.text), ['many', 'many'])
  await ada.deleteMany({ resource: 'notes', ids })
  assert.deepEqual(await found({ field: 'number', operator: 'gte', value: 60 }), [])
})

test('as the documentation says', async () => {
  assert.deepEqual(numbers(await refine(url, keys.publishable, tokens.bob).getList(list())), [2, 3, 4])
})

test('a schema of its own is asked for', async () => {
  assert.deepEqual(numbers(await ada.getList(list([], { meta: { schema: 'public' } }))), [1, 2, 3])
  await assert.rejects(ada.getList(list([], { meta: { schema: 'private' } })), { code: 'PGRST106' })
})

test('errors tell what was wrong', async () => {
  await assert.rejects(ada.getList({ resource: 'nosuch' }), { code: 'PGRST205', message: "Could not find the table 'public.nosuch' in the schema cache" })
  await assert.rejects(ada.create({ resource: 'notes', variables: { number: 1, text: 'x' } }), { code: '23505', statusCode: 23505 })
  await assert.rejects(ada.create({ resource: 'notes', variables: { number: 70, text: 'x', author_id: users.bob } }), { code: '42501' })
  // A row that is another's is not there to be changed.
  assert.equal((await bob.update({ resource: 'notes', id: uid(101), variables: { text: 'mine' } })).data, undefined)
})
