// One schema or another.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dataProvider } from '@refinedev/supabase'
import provider from '@raphiniert/ra-data-postgrest'
import { fetchUtils } from 'ra-core'
import { anon, column, connect, data, keys, refused, url } from '../session.mjs'

const list = { pagination: { page: 1, perPage: 10 }, sort: { field: 'id', order: 'ASC' }, filter: {} }

test('supabase-js', async () => {
  assert.deepEqual(await data(anon.from('papers').select()), [{ id: 1, title: 'new' }])
  const archive = anon.schema('archive')
  assert.deepEqual(await data(archive.from('papers').select('title,folders(year)').eq('id', 7)), [{ title: 'old', folders: { year: 1999 } }])
  const configured = connect(keys.publishable, { db: { schema: 'archive' } })
  assert.deepEqual(await column(configured.from('papers').select().order('id'), 'id'), [7, 8])
  assert.deepEqual(await data(configured.from('papers').insert({ id: 9, title: 'x', folder_id: 1 }).select('id'), 201), [{ id: 9 }])
  assert.deepEqual(await data(configured.from('papers').update({ title: 'y' }).eq('id', 9).select('title')), [{ title: 'y' }])
  assert.equal(await data(configured.from('papers').delete().eq('id', 9), 204), null)
})

test('what is in the other schema is not there', async () => {
  await refused(anon.from('folders').select(), 404, 'Not Found', { code: 'PGRST205', message: "Could not find the table 'public.folders' in the schema cache", details: null, hint: null })
  assert.equal((await anon.from('papers').select('folders(year)')).error.code, 'PGRST200')
  await refused(anon.schema('secret').from('papers').select(), 406, 'Not Acceptable', {
    code: 'PGRST106',
    message: 'Invalid schema: secret',
    details: null,
    hint: 'Only the following schemas are exposed: public, archive',
  })
})

test('functions are in the first schema', async () => {
  assert.deepEqual(await data(anon.rpc('titles')), ['new'])
  assert.equal((await anon.schema('archive').rpc('titles')).error.code, 'PGRST202')
})

test('data providers', async () => {
  const admin = provider.default({ apiUrl: `${url}/rest/v1`, httpClient: fetchUtils.fetchJson, defaultListOp: 'eq', primaryKeys: new Map(), schema: () => 'archive' })
  const found = await admin.getList('papers', list)
  assert.deepEqual([found.data.map((row) => row.id), found.total], [[7, 8], 2])
  const here = await admin.getList('papers', { ...list, meta: { schema: 'public' } })
  assert.deepEqual(here.data, [{ id: 1, title: 'new' }])
  const made = await admin.create('papers', { data: { id: 9, title: 'x', folder_id: 1 } })
  assert.equal((await admin.delete('papers', { id: made.data.id })).data.title, 'x')
  const refine = dataProvider(anon)
  assert.deepEqual((await refine.getOne({ resource: 'papers', id: 8, meta: { schema: 'archive' } })).data.title, 'older')
})

test('the root tells of the schema that is asked for', async () => {
  const described = async (headers) => {
    const answer = await fetch(`${url}/rest/v1/`, { headers })
    return [answer.headers.get('content-profile'), Object.keys((await answer.json()).definitions)]
  }
  assert.deepEqual(await described({}), ['public', ['papers']])
  assert.deepEqual(await described({ 'Accept-Profile': 'archive' }), ['archive', ['folders', 'papers']])
})
