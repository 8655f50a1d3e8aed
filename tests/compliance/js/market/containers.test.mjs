// Arrays, documents and ranges: what contains what.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anon, column, database, refused } from '../session.mjs'

const goods = () => anon.from('goods').select('id').order('id')

const cases = [
  ['contains, an array', (q) => q.contains('tags', ['red']), [1, 2]],
  ['contains, several', (q) => q.contains('tags', ['red', 'sweet']), [1]],
  ['contains, nothing', (q) => q.contains('tags', []), [1, 2, 3, 4]],
  ['contains, numbers', (q) => q.contains('sizes', [2]), [1, 2]],
  ['contains, a literal', (q) => q.contains('tags', '{"a,b"}'), [3]],
  ['contains, quotes in a literal', (q) => q.contains('tags', '{"so \\"called\\""}'), [2]],
  ['contains, a document', (q) => q.contains('doc', { from: { city: 'Rome' } }), [4]],
  ['contains, a part of a document', (q) => q.contains('doc', { from: {} }), [1, 4]],
  ['contains, a document of an array', (q) => q.contains('doc', { n: [2] }), [2, 4]],
  ['not contains', (q) => q.not('tags', 'cs', '{red}'), [3, 4]],
  ['containedBy, an array', (q) => q.containedBy('tags', ['red', 'sweet', 'green']), [1, 4]],
  ['containedBy, numbers', (q) => q.containedBy('sizes', [1, 2, 3]), [1, 3]],
  ['containedBy, a document', (q) => q.containedBy('doc', { from: { city: 'Bonn', zip: '53111' } }), [1]],
  ['overlaps', (q) => q.overlaps('tags', ['sweet', 'green']), [1, 3]],
  ['overlaps, numbers', (q) => q.overlaps('sizes', [4, 1]), [1, 2]],
  ['overlaps, a literal', (q) => q.overlaps('tags', '{sweet}'), [1]],
  ['eq of an array', (q) => q.eq('tags', '{red,sweet}'), [1]],
  ['an element', (q) => q.eq('tags->>0', 'red'), [1, 2]],
  ['contains in a tree', (q) => q.or('tags.cs.{sweet},sizes.cs.{4}'), [1, 2]],
]

const ranges = [
  ['contains, a range', (q) => q.contains('months', '[8,9]'), [1, 2]],
  ['containedBy, a range', (q) => q.containedBy('months', '[1,10)'), [2, 3]],
  ['overlaps, a range', (q) => q.overlaps('months', '[9,12]'), [1, 2]],
  ['rangeGt', (q) => q.rangeGt('months', '[3,6)'), [1, 2]],
  ['rangeGte', (q) => q.rangeGte('months', '[6,9)'), [1, 2]],
  ['rangeLt', (q) => q.rangeLt('months', '[8,11)'), [3]],
  ['rangeLte', (q) => q.rangeLte('months', '[1,10)'), [2, 3]],
  ['rangeAdjacent', (q) => q.rangeAdjacent('months', '[1,3)'), [3]],
]

for (const [name, filter, found] of cases) {
  test(name, async () => assert.deepEqual(await column(filter(goods()), 'id'), found))
}

for (const [name, filter, found] of ranges) {
  test(name, async () => {
    if (database === 'postgresql') {
      assert.deepEqual(await column(filter(goods()), 'id'), found)
      return
    }
    const { status, error } = await filter(goods())
    assert.deepEqual([status, error.code, error.message], [400, 'PGRST127', 'Feature not implemented'])
  })
}

test('literals that cannot be', async () => {
  const answer = await goods().contains('sizes', ['x'])
  assert.deepEqual([answer.status, answer.error.code, answer.error.message], [400, '22P02', 'invalid input syntax for type integer: "x"'])
  await refused(goods().contains('tags', '{red'), 400, 'Bad Request', {
    code: '22P02',
    message: 'malformed array literal: "{red"',
    details: 'Unexpected end of input.',
    hint: null,
  })
})
