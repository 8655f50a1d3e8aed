// Full text: the four ways to say what is searched.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dataProvider } from '@refinedev/supabase'
import { reactAdmin } from '../providers.mjs'
import { anon, column, keys, tokens, url } from '../session.mjs'

const goods = () => anon.from('goods').select('id').order('id')

const cases = [
  ['an expression', (q) => q.textSearch('text', 'red & fruit'), [1]],
  ['an expression with or', (q) => q.textSearch('text', "'fruit' | 'root'"), [1, 2, 3]],
  ['an expression with not', (q) => q.textSearch('text', 'fruit & !red'), [3]],
  ['the beginning of a word', (q) => q.textSearch('text', 'gro:*'), [1, 2]],
  ['plain words, by their stems', (q) => q.textSearch('text', 'tree fruits', { type: 'plain' }), [1, 3]],
  ['a phrase', (q) => q.textSearch('text', 'fruit trees', { type: 'phrase' }), [3]],
  ['what people type', (q) => q.textSearch('text', 'red -field', { type: 'websearch' }), [1]],
  ['quotes and or', (q) => q.textSearch('text', '"fruit trees" or root', { type: 'websearch' }), [2, 3]],
  ['a language', (q) => q.textSearch('text', 'trees', { config: 'english' }), [1, 3]],
  ['a language and a type', (q) => q.textSearch('text', 'trees', { config: 'simple', type: 'plain' }), [3]],
  ['stop words alone', (q) => q.textSearch('text', 'the', { type: 'plain' }), []],
  ['another column', (q) => q.textSearch('name', 'apples'), [1]],
  ['not', (q) => q.not('text', 'fts', 'red'), [3]],
  ['in a tree', (q) => q.or('text.wfts.root,text.phfts(english).fruit trees'), [2, 3]],
  ['in an embed', () => anon.from('sellers').select('id,goods!inner()').textSearch('goods.text', 'herb'), [2]],
]

for (const [name, filter, found] of cases) {
  test(name, async () => assert.deepEqual(await column(filter(goods()), 'id'), found))
}

test('an expression that cannot be read', async () => {
  const answer = await goods().textSearch('text', 'red fruit')
  assert.deepEqual([answer.status, answer.error.code, answer.error.message], [400, '42601', 'syntax error in tsquery: "red fruit"'])
})

test('a language that is not there', async () => {
  const answer = await goods().textSearch('text', 'red', { config: 'klingon' })
  assert.deepEqual([answer.status, answer.error.code, answer.error.message], [400, '42704', 'text search configuration "klingon" does not exist'])
})

test('data providers', async () => {
  const admin = reactAdmin(url, keys.publishable, tokens.anon)
  const list = { pagination: { page: 1, perPage: 10 }, sort: { field: 'id', order: 'ASC' } }
  const found = async (filter) => (await admin.getList('goods', { ...list, filter })).data.map((row) => row.id)
  assert.deepEqual(await found({ 'text@wfts': 'red -field' }), [1])
  assert.deepEqual(await found({ 'text@fts': 'fruit & !red' }), [3])
  const refine = dataProvider(anon)
  const { data } = await refine.getList({ resource: 'goods', filters: [{ field: 'text', operator: 'plfts', value: 'tree fruits' }], sorters: [{ field: 'id', order: 'asc' }] })
  assert.deepEqual(data.map((row) => row.id), [1, 3])
})
