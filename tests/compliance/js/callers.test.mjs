// Who asks: opaque keys, keys in token form, users' tokens, and those that are no good.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anon, column, connect, keys, refused, service, signedIn, tokens, url } from './session.mjs'

const numbers = (client) => column(client.from('notes').select('number').order('number'))

test('opaque keys', async () => {
  assert.deepEqual(await numbers(anon), [])
  assert.deepEqual(await numbers(service), [1, 2, 3, 4, 5, 6])
})

test('keys in token form', async () => {
  assert.deepEqual(await numbers(connect(tokens.anon)), [])
  assert.deepEqual(await numbers(connect(tokens.service)), [1, 2, 3, 4, 5, 6])
})

test("users' tokens in the header, or from a function", async () => {
  assert.deepEqual(await numbers(signedIn('ada')), [1, 2, 3])
  assert.deepEqual(await numbers(signedIn('bob')), [2, 3, 4])
  assert.deepEqual(await numbers(connect(keys.publishable, { accessToken: async () => tokens.cyd })), [5, 6])
  assert.deepEqual(await numbers(connect(tokens.anon, { accessToken: async () => tokens.ada })), [1, 2, 3])
})

test('tokens that are no good', async () => {
  const tags = (client) => client.from('tags').select()
  await refused(tags(signedIn('expired')), 401, 'Unauthorized', { code: 'PGRST303', message: 'JWT expired', details: null, hint: null })
  const forged = await tags(signedIn('forged'))
  assert.deepEqual([forged.status, forged.error.code], [401, 'PGRST301'])
  const garbled = await tags(connect(keys.publishable, { global: { headers: { Authorization: 'Bearer a.b' } } }))
  assert.deepEqual([garbled.status, garbled.error.message], [401, 'Expected 3 parts in JWT; got 2'])
  const unknown = await tags(connect('sb_publishable_nosuch'))
  assert.equal(unknown.status, 401)
})

test('a browser does not get to use the secret key', async () => {
  const inBrowser = connect(keys.secret, { global: { headers: { Origin: 'http://localhost:3000' } } })
  const sent = await fetch(`${url}/rest/v1/tags`, { headers: { apikey: keys.secret, 'User-Agent': 'Mozilla/5.0' } })
  assert.equal(sent.status, 403)
  assert.equal((await inBrowser.from('tags').select()).status, 403)
})
