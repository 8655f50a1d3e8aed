// Functions.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ada, anon, bob, column, cyd, data, refused, users } from './session.mjs'

test('one value', async () => {
  assert.equal(await data(ada.rpc('add', { a: 1 })), 11)
  assert.equal(await data(ada.rpc('add', { a: 1, b: 2 })), 3)
  assert.equal(await data(anon.rpc('add', { a: -1, b: 1 })), 0)
})

test('by GET', async () => {
  assert.equal(await data(ada.rpc('add', { a: 1, b: 2 }, { get: true })), 3)
  assert.deepEqual(await data(ada.rpc('numbers', { of: [3, 1, 2] }, { get: true })), [1, 2, 3])
})

test('many values', async () => {
  assert.deepEqual(await data(ada.rpc('numbers', { of: [3, 1, 2] })), [1, 2, 3])
})

test('rows of a resource, selected from, filtered and ordered', async () => {
  assert.deepEqual(await column(ada.rpc('notes_like', { pattern: '%Acme' })), [1, 2, 3])
  const query = ada.rpc('notes_like', { pattern: '%Acme' }, { count: 'exact' }).select('number,author(role)').gt('number', 1).order('number', { ascending: false })
  assert.deepEqual(await data(query.limit(1), 206), [{ number: 3, author: { role: 'admin' } }])
  assert.deepEqual(await data(ada.rpc('notes_like', {}, { get: true }).select('number').eq('number', 2).single()), { number: 2 })
  assert.deepEqual(await column(cyd.rpc('notes_like')), [5, 6])
})

test('count alone', async () => {
  const answer = await ada.rpc('notes_like', {}, { head: true, count: 'exact' })
  assert.deepEqual([answer.error, answer.status, answer.count, answer.data], [null, 200, 3, null])
})

test('nothing', async () => {
  assert.equal(await data(bob.rpc('rename_tag', { id: 3, name: 'azure' }), 204, 'No Content'), null)
  assert.deepEqual(await column(bob.from('tags').select('name').eq('id', 3), 'name'), ['azure'])
})

test('a function has the rules of its caller', async () => {
  assert.deepEqual(await data(ada.rpc('colleagues')), Object.values(users).concat('00000000-0000-4000-8000-000000000014'))
  const answer = await ada.rpc('rename_tag', { id: 3, name: 'mine' })
  assert.deepEqual([answer.status, answer.statusText, answer.error.code], [403, 'Forbidden', '42501'])
})

test('GET may not write', async () => {
  const answer = await bob.rpc('rename_tag', { id: 3, name: 'read' }, { get: true })
  assert.deepEqual([answer.status, answer.statusText, answer.error.code], [405, 'Method Not Allowed', '25006'])
})

test('what a function raises', async () => {
  const answer = await ada.rpc('refuse')
  assert.deepEqual([answer.status, answer.error.message, answer.error.details, answer.error.hint], [409, 'The shop is closed.', 'It is Sunday.', 'Come back tomorrow.'])
})

test('unknown functions and arguments', async () => {
  await refused(ada.rpc('nosuch', { b: 1, a: 2 }), 404, 'Not Found', {
    code: 'PGRST202',
    message: 'Could not find the function public.nosuch(a, b) in the schema cache',
    details: 'Searched for the function public.nosuch with parameters a, b or with a single unnamed json/jsonb parameter, but no matches were found in the schema cache.',
    hint: null,
  })
  assert.equal((await ada.rpc('add', { c: 1 })).error.code, 'PGRST202')
  const wrong = await ada.rpc('add', { a: 'x' })
  assert.deepEqual([wrong.status, wrong.error.code, wrong.error.message], [400, '22P02', 'invalid input syntax for type bigint: "x"'])
})
