// Every filter method of postgrest-js that names an operator which is served here.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { column, service, uid } from './session.mjs'

const notes = () => service.from('notes').select('number').order('number')

const cases = [
  ['eq', (q) => q.eq('number', 3), [3]],
  ['eq of a uuid', (q) => q.eq('id', uid(104)), [4]],
  ['eq of a boolean', (q) => q.eq('public', true), [2, 3, 5]],
  ['eq of a label', (q) => q.eq('level', 'HIGH'), [1, 4]],
  ['eq of a decimal', (q) => q.eq('price', 10.5), [1]],
  ['eq of a moment', (q) => q.eq('written_at', new Date('2026-01-01T13:00:00.010Z').toISOString()), [1]],
  ['eq of a text with signs', (q) => q.eq('text', 'a,b.c:(d)"e"&f=g+h%'), []],
  ['eq in JSON', (q) => q.eq('extra->>s', 'x'), [1]],
  ['neq', (q) => q.neq('number', 3), [1, 2, 4, 5, 6]],
  ['gt', (q) => q.gt('number', 4), [5, 6]],
  ['gte', (q) => q.gte('price', 10.5), [1, 4]],
  ['lt', (q) => q.lt('price', 0), [6]],
  ['lte', (q) => q.lte('written_at', '2026-01-01T14:00:00.02Z'), [1, 2]],
  ['like', (q) => q.like('text', 'note % of Zeta'), [5, 6]],
  ['like with letter case', (q) => q.like('text', '%zeta'), []],
  ['likeAllOf', (q) => q.likeAllOf('text', ['note%', '%Acme']), [1, 2, 3, 4]],
  ['likeAnyOf', (q) => q.likeAnyOf('text', ['%1%', '%6%']), [1, 6]],
  ['ilike', (q) => q.ilike('text', '%ZETA'), [5, 6]],
  ['ilikeAllOf', (q) => q.ilikeAllOf('text', ['NOTE%', '%ACME', '%3%']), [3]],
  ['ilikeAnyOf', (q) => q.ilikeAnyOf('text', ['%1 OF%', '%zeta']), [1, 5, 6]],
  ['regexMatch', (q) => q.regexMatch?.('text', '^note [12] ') ?? q.filter('text', 'match', '^note [12] '), [1, 2]],
  ['regexIMatch', (q) => q.regexIMatch?.('text', 'zeta$') ?? q.filter('text', 'imatch', 'zeta$'), [5, 6]],
  ['is null', (q) => q.is('price', null), [2]],
  ['is true', (q) => q.is('public', true), [2, 3, 5]],
  ['is false', (q) => q.is('public', false), [1, 4, 6]],
  ['isDistinct', (q) => q.isDistinct?.('price', 10.5) ?? q.filter('price', 'isdistinct', 10.5), [2, 3, 4, 5, 6]],
  ['in', (q) => q.in('number', [1, 3, 99]), [1, 3]],
  ['in of texts with signs', (q) => q.in('text', ['note 1 of Acme', 'a,b', 'c"d', '(e)']), [1]],
  ['in of nothing', (q) => q.in('number', []), []],
  ['notIn', (q) => q.notIn?.('number', [1, 2, 3]) ?? q.not('number', 'in', '(1,2,3)'), [4, 5, 6]],
  ['match', (q) => q.match({ public: true, level: 'LOW' }), [2, 3, 5]],
  ['not eq', (q) => q.not('number', 'eq', 3), [1, 2, 4, 5, 6]],
  ['not is', (q) => q.not('price', 'is', null), [1, 3, 4, 5, 6]],
  ['not in', (q) => q.not('number', 'in', '(1,2)'), [3, 4, 5, 6]],
  ['not like', (q) => q.not('text', 'like', '%Acme'), [5, 6]],
  ['or', (q) => q.or('number.eq.1,text.ilike.*zeta'), [1, 5, 6]],
  ['or of and', (q) => q.or('number.eq.1,and(number.gt.4,public.is.true)'), [1, 5]],
  ['or with not and quotes', (q) => q.or('text.eq."note 2 of Acme",not.and(number.lt.6,number.gt.0)'), [2, 6]],
  ['two ors', (q) => q.or('number.eq.1,number.eq.2').or('number.eq.2,number.eq.3'), [2]],
  ['or in an embed', (q) => service.from('notes').select('number,author!inner(role)').or('role.eq.admin,role.eq.nobody', { referencedTable: 'author' }).order('number'), [3, 4]],
  ['filter', (q) => q.filter('number', 'in', '(5,6)'), [5, 6]],
  ['filter in an embed', (q) => service.from('notes').select('number,author!inner(role)').filter('author.role', 'eq', 'admin').order('number'), [3, 4]],
  ['filters together', (q) => q.gte('number', 2).lte('number', 5).neq('number', 3), [2, 4, 5]],
]

for (const [name, filter, found] of cases) {
  test(name, async () => {
    assert.deepEqual(await column(filter(notes())), found)
  })
}

test('a thousand values in a list', async () => {
  assert.deepEqual(await column(notes().in('number', Array.from({ length: 1000 }, (_, each) => each + 4))), [4, 5, 6])
})
