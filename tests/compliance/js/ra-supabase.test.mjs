// react-admin's data provider for Supabase: the one for PostgREST, with keys, sessions and the schema.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { supabaseDataProvider } from 'ra-supabase-core'
import { reactAdminOnSupabase } from './providers.mjs'
import { connect, keys, signedIn, tokens, uid, url, users } from './session.mjs'

const primaryKeys = new Map([['note_tags', ['note_id', 'tag_id']]])

function provider(supabaseClient) {
  return supabaseDataProvider({ instanceUrl: url, apiKey: keys.publishable, supabaseClient, primaryKeys })
}

const ada = provider(signedIn('ada'))
const nobody = provider(connect(keys.publishable))
const all = { pagination: { page: 1, perPage: 10 }, sort: { field: 'number', order: 'ASC' }, filter: {} }

test('the schema is read', async () => {
  const schema = await ada.getSchema()
  assert.equal(schema.swagger, '2.0')
  assert.deepEqual(Object.keys(schema.definitions).sort(), ['boards', 'likes', 'note_tags', 'notes', 'orgs', 'tags', 'users'])
  for (const name of Object.keys(schema.definitions)) assert.ok(schema.paths[`/${name}`].get, name)
})

test('inputs can be guessed from it', async () => {
  // As the guessers of ra-supabase-ui do: keys by their notes, types by format and type.
  const { definitions } = await ada.getSchema()
  const guessed = (table) => Object.entries(definitions[table].properties).map(([name, { description = '', type, format }]) => {
    const reference = description.match(/<fk table='([^']+)' column='([^']+)'\/>/)
    return [name, description.startsWith('Note:\nThis is a Primary Key.<pk/>') ? 'key' : reference ? `${reference[1]}.${reference[2]}` : format === 'uuid' ? 'id' : type ?? 'json']
  })
  assert.deepEqual(Object.fromEntries(guessed('notes')), {
    id: 'key',
    org_id: 'orgs.id',
    number: 'integer',
    text: 'string',
    public: 'boolean',
    level: 'string',
    price: 'number',
    written_at: 'string',
    extra: 'json',
    author_id: 'users.id',
    parent_id: 'notes.id',
    likes: 'integer',
  })
  assert.deepEqual(definitions.notes.properties.level.enum, ['LOW', 'HIGH'])
  assert.deepEqual(definitions.notes.required, ['id', 'number', 'text', 'public', 'level', 'author_id', 'likes', 'org_id'])
  assert.equal(definitions.notes.properties.written_at.format, 'timestamp with time zone')
})

test('the schema is that of the caller', async () => {
  const { definitions, paths } = await nobody.getSchema()
  assert.deepEqual(Object.keys(definitions).sort(), ['likes', 'note_tags', 'notes', 'orgs', 'tags'])
  assert.deepEqual([Object.keys(paths['/tags']), paths['/likes'].get], [['get'], undefined])
  // A guesser looks up what a foreign key refers to, so it may refer to nothing else.
  for (const [, table] of JSON.stringify(definitions).matchAll(/<fk table='([^']+)'/g)) assert.ok(table in definitions, table)
})

test('list, get, create, update, delete', async () => {
  const list = await ada.getList('notes', all)
  assert.deepEqual([list.data.map((row) => row.number), list.total], [[1, 2, 3], 3])
  assert.equal((await ada.getOne('notes', { id: uid(101) })).data.number, 1)
  assert.equal((await ada.getMany('notes', { ids: [uid(101), uid(102)] })).data.length, 2)
  const { data } = await ada.create('notes', { data: { number: 50, text: 'fifty' } })
  assert.equal(data.author_id, users.ada)
  assert.equal((await ada.update('notes', { id: data.id, data: { text: 'changed' }, previousData: data })).data.text, 'changed')
  assert.equal((await ada.delete('notes', { id: data.id })).data.id, data.id)
  assert.deepEqual((await nobody.getList('notes', all)).data, [])
})

test('references', async () => {
  const tags = await ada.getManyReference('note_tags', { ...all, target: 'note_id', id: uid(101), sort: { field: 'tag_id', order: 'ASC' } })
  assert.deepEqual([tags.data.map((row) => row.tag_id), tags.total], [[1, 2], 2])
})

test('a search in several columns', async () => {
  const found = await ada.getList('notes', { ...all, filter: { '@or': { 'text@ilike': 'note 1', 'level@eq': 'LOW' } } })
  assert.deepEqual(found.data.map((row) => row.number), [1, 2, 3])
})

test("a signed-in user's token is sent", async () => {
  const client = connect(keys.publishable)
  client.auth.getSession = async () => ({ data: { session: { access_token: tokens.bob } } })
  assert.deepEqual((await provider(client).getList('notes', all)).data.map((row) => row.number), [2, 3, 4])
})

test('as the documentation says', async () => {
  const documented = reactAdminOnSupabase(url, keys.publishable, signedIn('ada'))
  assert.deepEqual((await documented.getList('notes', all)).total, 3)
  assert.ok('notes' in (await documented.getSchema()).definitions)
})

test('any path can be asked', async () => {
  const { json } = await ada.supabaseClient('rpc/add?a=1&b=2')
  assert.equal(json, 3)
})

test('errors tell what was wrong', async () => {
  await assert.rejects(ada.getOne('notes', { id: uid(104) }), { status: 406 })
  await assert.rejects(nobody.create('notes', { data: { number: 70, text: 'x' } }), (error) => error.status === 401 && error.body.code === '42501')
})
