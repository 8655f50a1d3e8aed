// Identities by ID tokens, which an app has from a provider's own library. TOKENS holds one for each user's name.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { good, member, refused, visitor } from '../session.mjs'

const tokens = JSON.parse(process.env.TOKENS)
const provider = 'keycloak'

test('signInWithIdToken', async () => {
  const { auth } = visitor()
  const { user, session } = await good(auth.signInWithIdToken({ provider, token: tokens.ada }))
  assert.deepEqual([user.email, user.app_metadata.provider, session.token_type], ['ada@example.com', provider, 'bearer'])
  assert.equal(user.identities[0].id, 'ada')
  const again = await good(visitor().auth.signInWithIdToken({ provider, token: tokens.ada }))
  assert.equal(again.user.id, user.id)
  assert.equal((await good(auth.getUser())).user.id, user.id)
  const { claims } = await good(auth.getClaims())
  assert.deepEqual(claims.amr.map((each) => [each.method, each.provider]), [['oauth', provider]])
})

test('signInWithIdToken: the nonce', async () => {
  const { user } = await good(visitor().auth.signInWithIdToken({ provider, token: tokens.noncy, nonce: 'a nonce' }))
  assert.equal(user.email, 'noncy@example.com')
  for (const nonce of ['another', undefined])
    await refused(visitor().auth.signInWithIdToken({ provider, token: tokens.noncy, nonce }), 400, 'validation_failed', 'Bad ID token')
  await refused(visitor().auth.signInWithIdToken({ provider, token: tokens.ada, nonce: 'a nonce' }), 400, 'validation_failed', 'Bad ID token')
})

test('linkIdentity with a token, unlinkIdentity', async () => {
  const { auth } = await member('linking@example.com')
  const { user } = await good(auth.linkIdentity({ provider, token: tokens.grace }))
  assert.equal(user.email, 'linking@example.com')
  const { identities } = await good(auth.getUserIdentities())
  assert.deepEqual(identities.map((each) => [each.provider, each.identity_data.email]), [['email', 'linking@example.com'], [provider, 'grace@example.com']])
  const entered = await good(visitor().auth.signInWithIdToken({ provider, token: tokens.grace }))
  assert.equal(entered.user.id, user.id)
  const other = await member('other@example.com')
  await refused(other.auth.linkIdentity({ provider, token: tokens.grace }), 422, 'identity_already_exists')
  await good(auth.unlinkIdentity(identities[1]))
  assert.deepEqual((await good(auth.getUserIdentities())).identities.map((each) => each.provider), ['email'])
  await refused(auth.unlinkIdentity(identities[0]), 422, 'single_identity_not_deletable')
  await refused(other.auth.unlinkIdentity(identities[1]), 422, 'identity_not_found')
})
