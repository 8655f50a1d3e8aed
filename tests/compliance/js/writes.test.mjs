// Inserts, upserts, updates and deletes, with and without the rows they wrote.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ada, bob, column, data, orgs, refused, service, users } from './session.mjs'

test('insert answers nothing unless asked', async () => {
  assert.equal(await data(ada.from('notes').insert({ number: 50, text: 'fifty' }), 201, 'Created'), null)
  assert.deepEqual(await column(ada.from('notes').select('number').eq('number', 50)), [50])
})

test('insert with select answers the row, defaults and embeds', async () => {
  const select = 'number,public,level,author_id,org_id,likes,author(role),tags(name)'
  assert.deepEqual(await data(ada.from('notes').insert({ number: 51, text: 'x' }).select(select).single(), 201), {
    number: 51,
    public: false,
    level: 'LOW',
    author_id: users.ada,
    org_id: orgs.acme,
    likes: 0,
    author: { role: 'member' },
    tags: [],
  })
})

test('insert many', async () => {
  const rows = [{ number: 52, text: 'a', price: 1.5 }, { number: 53, text: 'b', extra: { deep: [1, { x: null }] } }]
  const answer = await ada.from('notes').insert(rows, { count: 'exact', defaultToNull: false }).select('number,price,extra,public')
  assert.equal(answer.error, null)
  assert.deepEqual([answer.status, answer.count], [201, 2])
  assert.deepEqual(answer.data, [
    { number: 52, price: 1.5, extra: null, public: false },
    { number: 53, price: null, extra: { deep: [1, { x: null }] }, public: false },
  ])
})

test('insert of nothing', async () => {
  assert.deepEqual(await data(ada.from('notes').insert([]).select(), 201), [])
})

test('upsert by the key', async () => {
  const rows = [{ id: 1, name: 'scarlet' }, { id: 9, name: 'pink' }]
  assert.deepEqual(await data(bob.from('tags').upsert(rows).select(), 201, 'Created'), rows)
  assert.deepEqual(await data(bob.from('tags').upsert({ id: 9, name: 'rose' }).select().single(), 200, 'OK'), { id: 9, name: 'rose' })
})

test('upsert by another column', async () => {
  const answer = await bob.from('tags').upsert([{ id: 2, name: 'green' }, { id: 10, name: 'black' }], { onConflict: 'name', count: 'exact' }).select('name')
  assert.deepEqual([answer.status, answer.count, answer.data], [201, 2, [{ name: 'green' }, { name: 'black' }]])
})

test('upsert that ignores duplicates', async () => {
  const query = bob.from('tags').upsert([{ id: 3, name: 'navy' }, { id: 11, name: 'white' }], { ignoreDuplicates: true }).select()
  assert.deepEqual(await data(query, 201), [{ id: 11, name: 'white' }])
  assert.deepEqual(await data(bob.from('tags').select().eq('id', 3).single()), { id: 3, name: 'blue' })
})

test('update', async () => {
  assert.equal(await data(ada.from('notes').update({ text: 'changed' }).eq('number', 1), 204, 'No Content'), null)
  const answer = await ada.from('notes').update({ text: 'again', price: null }, { count: 'exact' }).in('number', [1, 2]).select('number,text,price').order('number')
  assert.deepEqual([answer.status, answer.count], [200, 2])
  assert.deepEqual(answer.data, [{ number: 1, text: 'again', price: null }, { number: 2, text: 'again', price: null }])
})

test("update of others' rows changes nothing", async () => {
  const answer = await ada.from('notes').update({ text: 'mine' }, { count: 'exact' }).eq('number', 3)
  assert.deepEqual([answer.status, answer.count, answer.error], [204, 0, null])
  assert.deepEqual(await data(ada.from('notes').update({ text: 'mine' }).eq('number', 3).select()), [])
  assert.equal(await data(ada.from('notes').update({ text: 'mine' }).eq('number', 3).select().maybeSingle()), null)
})

test('maxAffected undoes what goes too far', async () => {
  await refused(service.from('notes').update({ text: 'all' }).gt('number', 0).maxAffected(2), 400, 'Bad Request', {
    code: 'PGRST124',
    message: 'Query result exceeds max-affected preference constraint',
    details: `The query affects ${(await service.from('notes').select('*', { count: 'exact', head: true }).gt('number', 0)).count} rows`,
    hint: null,
  })
  assert.deepEqual(await column(service.from('notes').select('number').eq('text', 'all')), [])
  assert.equal(await data(service.from('notes').update({ text: 'one' }).eq('number', 4).maxAffected(1), 204), null)
})

test('single on a write undoes it where there are more', async () => {
  const answer = await service.from('notes').update({ text: 'single' }).gt('number', 2).select().single()
  assert.deepEqual([answer.status, answer.error.code], [406, 'PGRST116'])
  assert.deepEqual(await column(service.from('notes').select('number').eq('text', 'single')), [])
})

test('delete', async () => {
  await data(ada.from('notes').insert([{ number: 60, text: 'x' }, { number: 61, text: 'y' }]), 201)
  assert.equal(await data(ada.from('notes').delete().eq('number', 60), 204, 'No Content'), null)
  const answer = await ada.from('notes').delete({ count: 'exact' }).eq('number', 61).select('number,author(role)')
  assert.deepEqual([answer.status, answer.count, answer.data], [200, 1, [{ number: 61, author: { role: 'member' } }]])
  assert.deepEqual(await data(ada.from('notes').delete().eq('number', 61).select()), [])
})
