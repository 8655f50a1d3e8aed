// getClaims, where tokens are signed by a key pair: verified here, by the key that the server publishes.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClient } from '@supabase/supabase-js'
import { good, member } from '../session.mjs'

const { ALGORITHM, BACKSTAY_URL, PUBLISHABLE_KEY } = process.env

test('getClaims asks for the keys once, and for nothing else', async () => {
  const { auth } = await member('ada@example.com')
  const { session } = await good(auth.getSession())
  const asked = []
  const spy = (input, init) => {
    asked.push(new URL(String(input)).pathname)
    return fetch(input, init)
  }
  const options = { auth: { persistSession: false, autoRefreshToken: false }, global: { fetch: spy } }
  const elsewhere = createClient(BACKSTAY_URL, PUBLISHABLE_KEY, options)
  for (let count = 0; count < 3; count++) {
    const { claims, header } = await good(elsewhere.auth.getClaims(session.access_token))
    assert.deepEqual([header.alg, claims.sub, claims.email], [ALGORITHM, session.user.id, 'ada@example.com'])
  }
  assert.deepEqual(asked, ['/auth/v1/.well-known/jwks.json'])
  const [head, content, tag] = session.access_token.split('.')
  const forged = [head, content, (tag[0] === 'A' ? 'B' : 'A') + tag.slice(1)].join('.')
  const { error } = await elsewhere.auth.getClaims(forged)
  assert.equal(error.name, 'AuthInvalidJwtError')
})
