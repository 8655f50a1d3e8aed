// Being signed in: who one is, what one changes, how one stays, and how one leaves.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { good, letter, member, notes, other, password, refused, texted, visitor } from './session.mjs'

test('getUser, getUserIdentities, getSession, getClaims', async () => {
  const { auth } = await member('ada@example.com', { data: { name: 'Ada' } })
  const { user } = await good(auth.getUser())
  assert.deepEqual([user.email, user.user_metadata, user.app_metadata], ['ada@example.com', { name: 'Ada' }, { provider: 'email', providers: ['email'] }])
  assert.ok(user.email_confirmed_at && user.confirmed_at && user.last_sign_in_at && user.created_at && user.updated_at)
  const { identities } = await good(auth.getUserIdentities())
  assert.deepEqual([identities[0].provider, identities[0].identity_data.email, identities[0].user_id], ['email', 'ada@example.com', user.id])
  const { session } = await good(auth.getSession())
  assert.equal(session.user.id, user.id)
  const { claims } = await good(auth.getClaims())
  assert.deepEqual([claims.sub, claims.role, claims.aal, claims.email, claims.is_anonymous], [user.id, 'authenticated', 'aal1', 'ada@example.com', false])
  assert.deepEqual(claims.amr.map((each) => each.method), ['email/signup'])
  const level = await good(auth.mfa.getAuthenticatorAssuranceLevel())
  assert.deepEqual([level.currentLevel, level.nextLevel], ['aal1', 'aal1'])
  assert.deepEqual((await good(auth.mfa.listFactors())).all, [])
  await refused(auth.getUser('a.b.c'), 403, 'bad_jwt')
})

test('a user reads and writes what is theirs', async () => {
  const bob = await member('bob@example.com')
  const cyd = await member('cyd@example.com')
  const { error } = await bob.from('notes').insert({ text: 'mine' })
  assert.equal(error, null)
  assert.deepEqual([await notes(bob), await notes(cyd), await notes(visitor())], [1, 0, 0])
})

test('refreshSession, setSession', async () => {
  const { auth } = await member('fresh@example.com')
  const first = (await good(auth.getSession())).session
  const { session } = await good(auth.refreshSession())
  assert.notEqual(session.refresh_token, first.refresh_token)
  const events = []
  const { data } = auth.onAuthStateChange((event) => void events.push(event))
  await good(auth.refreshSession({ refresh_token: session.refresh_token }))
  data.subscription.unsubscribe()
  assert.ok(events.includes('TOKEN_REFRESHED'), events)
  const elsewhere = visitor()
  const current = (await good(auth.getSession())).session
  const set = await good(elsewhere.auth.setSession(current))
  assert.equal(set.user.email, 'fresh@example.com')
  await refused(visitor().auth.refreshSession({ refresh_token: 'made up' }), 400, 'refresh_token_not_found', 'Invalid Refresh Token: Refresh Token Not Found')
})

test('auto-refresh, stopAutoRefresh', async () => {
  const kept = new Map()
  const storage = { getItem: (name) => kept.get(name) ?? null, setItem: (name, value) => void kept.set(name, value), removeItem: (name) => void kept.delete(name) }
  const { auth } = await member('auto@example.com', { auth: { persistSession: true, storage } })
  const { session } = await good(auth.getSession())
  // As if most of its time were over.
  const [name] = kept.keys()
  const soon = Math.floor(Date.now() / 1000) + 40
  kept.set(name, JSON.stringify({ ...session, expires_at: soon }))
  const renewed = new Promise((resolve) => auth.onAuthStateChange((event, held) => event === 'TOKEN_REFRESHED' && resolve(held)))
  await auth.startAutoRefresh()
  const held = await renewed
  await auth.stopAutoRefresh()
  assert.ok(held.expires_at > soon && held.refresh_token !== session.refresh_token)
  assert.equal((await good(auth.getUser())).user.email, 'auto@example.com')
})

test('updateUser: data and password', async () => {
  const { auth } = await member('change@example.com', { data: { name: 'Old', born: 1815 } })
  const { user } = await good(auth.updateUser({ data: { name: 'New' } }))
  assert.deepEqual(user.user_metadata, { name: 'New', born: 1815 })
  await refused(auth.updateUser({ password }), 422, 'same_password', 'New password should be different from the old password.')
  const weak = await refused(auth.updateUser({ password: 'short' }), 422, 'weak_password')
  assert.deepEqual(weak.reasons, ['length'])
  await good(auth.updateUser({ password: other }))
  await good(visitor().auth.signInWithPassword({ email: 'change@example.com', password: other }))
})

test('updateUser: another address takes the proof of both', async () => {
  const { auth } = await member('from@example.com')
  const { user } = await good(auth.updateUser({ email: 'to@example.com' }))
  assert.deepEqual([user.email, user.new_email], ['from@example.com', 'to@example.com'])
  await letter('to@example.com', 'email_change')
  await good(auth.resend({ type: 'email_change', email: 'to@example.com' }))
  const [old, fresh] = [await letter('from@example.com', 'email_change', 2), await letter('to@example.com', 'email_change', 2)]
  const half = await good(auth.verifyOtp({ email: 'from@example.com', token: old.code, type: 'email_change' }))
  assert.deepEqual([half.user, half.session], [null, null])
  const whole = await good(auth.verifyOtp({ email: 'to@example.com', token: fresh.code, type: 'email_change' }))
  assert.equal(whole.user.email, 'to@example.com')
})

test('updateUser: another phone', async () => {
  const { auth } = await member('phone@example.com')
  await good(auth.updateUser({ phone: '+15551230002' }))
  await texted('15551230002')
  await good(auth.resend({ type: 'phone_change', phone: '+15551230002' }))
  const { user } = await good(auth.verifyOtp({ phone: '+15551230002', token: await texted('15551230002', 2), type: 'phone_change' }))
  assert.deepEqual([user.phone, user.email], ['15551230002', 'phone@example.com'])
})

test('reauthenticate', async () => {
  const { auth } = await member('sure@example.com')
  await good(auth.reauthenticate())
  const { code } = await letter('sure@example.com', 'reauthentication')
  await refused(auth.updateUser({ password: other, nonce: code === '000000' ? '000001' : '000000' }), 422, 'reauthentication_not_valid')
  await good(auth.updateUser({ password: other, nonce: code }))
})

for (const [scope, left] of [['local', ['elsewhere']], ['others', ['here']], ['global', []]]) {
  test(`signOut: ${scope}`, async () => {
    const email = `${scope}@example.com`
    const here = await member(email)
    const elsewhere = visitor()
    await good(elsewhere.auth.signInWithPassword({ email, password }))
    const tokens = { here: (await good(here.auth.getSession())).session, elsewhere: (await good(elsewhere.auth.getSession())).session }
    const events = []
    here.auth.onAuthStateChange((event) => void events.push(event))
    assert.equal((await here.auth.signOut({ scope })).error, null)
    assert.equal(events.includes('SIGNED_OUT'), scope !== 'others')
    for (const [name, { refresh_token, access_token }] of Object.entries(tokens)) {
      const shown = await visitor().auth.getUser(access_token)
      if (left.includes(name)) {
        assert.equal(shown.data.user.email, email)
        await good(visitor().auth.refreshSession({ refresh_token }))
      } else {
        assert.equal(shown.error.name, 'AuthSessionMissingError')
        await refused(visitor().auth.refreshSession({ refresh_token }), 400, 'refresh_token_not_found')
      }
    }
  })
}
