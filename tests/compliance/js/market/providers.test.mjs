// What data providers ask of arrays, documents and ranges.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dataProvider } from '@refinedev/supabase'
import Vue from 'vue'
import { reactAdmin } from '../providers.mjs'
import { anon, database, keys, tokens, url } from '../session.mjs'

Vue.config.productionTip = false
globalThis.window = { location: new URL(url) }
const { default: plugin, usePostgrest } = await import('../node_modules/vue-postgrest/dist/es/vue-postgrest.js')
Vue.use(plugin, { apiRoot: `${url}/rest/v1/` })

const refine = dataProvider(anon)
const admin = reactAdmin(url, keys.publishable, tokens.anon)
const vue = usePostgrest(`${url}/rest/v1/`)
await vue.$ready

const ids = ({ data }) => data.map((row) => row.id)
const sorted = { pagination: { page: 1, perPage: 10 }, sort: { field: 'id', order: 'ASC' } }

test('refine', async () => {
  const found = async (...filters) => ids(await refine.getList({ resource: 'goods', filters, sorters: [{ field: 'id', order: 'asc' }] }))
  assert.deepEqual(await found({ field: 'tags', operator: 'ina', value: ['red'] }), [1, 2])
  assert.deepEqual(await found({ field: 'tags', operator: 'nina', value: ['red'] }), [3, 4])
  const or = { operator: 'or', value: [{ field: 'tags', operator: 'ina', value: ['sweet', 'red'] }, { field: 'id', operator: 'eq', value: 4 }] }
  assert.deepEqual(await found(or), [1, 4])
  assert.deepEqual(await found({ field: 'doc->from->>city', operator: 'eq', value: 'Rome' }), [4])
})

test('ra-data-postgrest', async () => {
  const found = async (filter) => ids(await admin.getList('goods', { ...sorted, filter }))
  assert.deepEqual(await found({ 'tags@cs': '{red}' }), [1, 2])
  assert.deepEqual(await found({ 'sizes@cd': '{1,2,3}' }), [1, 3])
  assert.deepEqual(await found({ 'tags@ov': '{sweet,green}' }), [1, 3])
  assert.deepEqual(await found({ 'doc@cs': '{"from":{"city":"Rome"}}' }), [4])
  assert.deepEqual(await found({ '@or': { 'tags@cs': '{sweet}', 'id@gt': 3 } }), [1, 4])
  const { data } = await admin.create('goods', { data: { id: 30, name: 'x', tags: ['new'], doc: { a: 1 }, seller_id: 1 } })
  assert.deepEqual([data.tags, data.doc], [['new'], { a: 1 }])
  const changed = await admin.update('goods', { id: 30, data: { ...data, tags: ['new', 'er'] }, previousData: data })
  assert.deepEqual(changed.data.tags, ['new', 'er'])
  await admin.delete('goods', { id: 30 })
})

test('vue-postgrest', async () => {
  const found = async (query) => (await (await vue.goods.get({ select: ['id'], order: ['id'], ...query })).json()).map((row) => row.id)
  assert.deepEqual(vue.goods.pks, ['id'])
  assert.deepEqual(await found({ 'tags.cs': ['red'] }), [1, 2])
  assert.deepEqual(await found({ 'tags.not.cs': ['red'] }), [3, 4])
  assert.deepEqual(await found({ 'sizes.ov': [4, 1] }), [1, 2])
  const range = found({ 'months.cs': { lower: 8, upper: 9, includeUpper: true } })
  if (database === 'postgresql') assert.deepEqual(await range, [1, 2])
  else await assert.rejects(range, { status: 400, code: 'PGRST127' })
})

test('types are told by their names', async () => {
  const answer = await fetch(`${url}/rest/v1/`)
  const { goods } = (await answer.json()).definitions
  assert.deepEqual([goods.properties.tags, goods.properties.doc.format, goods.properties.months.format], [{ type: 'array', format: 'text[]', items: { type: 'string' } }, 'jsonb', 'int4range'])
})
