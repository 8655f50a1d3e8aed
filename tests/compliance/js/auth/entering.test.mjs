// Signing up and in: by e-mail address and password, by code, by link, by phone, and as nobody in particular.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { follow, fragment, good, letter, member, notes, other, password, refused, site, texted, visitor } from './session.mjs'

test('signUp, verifyOtp, signInWithPassword', async () => {
  const { auth } = visitor()
  const email = 'ada@example.com'
  const made = await good(auth.signUp({ email, password, options: { data: { name: 'Ada' }, emailRedirectTo: `${site}/welcome` } }))
  assert.equal(made.session, null)
  assert.deepEqual([made.user.email, made.user.aud, made.user.role, made.user.user_metadata], [email, 'authenticated', 'authenticated', { name: 'Ada' }])
  assert.equal(made.user.identities.length, 1)
  await refused(auth.signInWithPassword({ email, password }), 400, 'email_not_confirmed', 'Email not confirmed')
  const { code } = await letter(email, 'confirmation')
  await refused(auth.verifyOtp({ email, token: code === '000000' ? '000001' : '000000', type: 'signup' }), 403, 'otp_expired', 'Token has expired or is invalid')
  const entered = await good(auth.verifyOtp({ email, token: code, type: 'signup' }))
  assert.equal(entered.session.token_type, 'bearer')
  assert.ok(entered.session.expires_in > 0 && entered.session.expires_at > Date.now() / 1000)
  assert.equal(entered.user.id, made.user.id)
  await refused(auth.verifyOtp({ email, token: code, type: 'signup' }), 403, 'otp_expired')
  const again = await good(visitor().auth.signInWithPassword({ email, password }))
  assert.equal(again.user.id, made.user.id)
  await refused(visitor().auth.signInWithPassword({ email, password: other }), 400, 'invalid_credentials', 'Invalid login credentials')
  await refused(visitor().auth.signInWithPassword({ email: 'nobody@example.com', password }), 400, 'invalid_credentials', 'Invalid login credentials')
})

test('signUp does not tell whose addresses are known', async () => {
  await member('known@example.com')
  const { user, session } = await good(visitor().auth.signUp({ email: 'known@example.com', password: other }))
  assert.deepEqual([session, user.identities.length], [null, 1])
  await good(visitor().auth.signInWithPassword({ email: 'known@example.com', password }))
})

test('signUp with a weak password', async () => {
  const error = await refused(visitor().auth.signUp({ email: 'weak@example.com', password: 'short' }), 422, 'weak_password')
  assert.equal(error.name, 'AuthWeakPasswordError')
  assert.deepEqual(error.reasons, ['length'])
})

test('the link of a letter, as the implicit flow hands it over', async () => {
  const client = visitor()
  await good(client.auth.signUp({ email: 'link@example.com', password, options: { emailRedirectTo: `${site}/welcome?from=mail` } }))
  const { link } = await letter('link@example.com', 'confirmation')
  const address = await follow(link)
  assert.equal(address.origin + address.pathname + address.search, `${site}/welcome?from=mail`)
  const { access_token, refresh_token, type, token_type, sb } = fragment(address)
  assert.deepEqual([type, token_type, sb], ['signup', 'bearer', ''])
  const { user } = await good(client.auth.setSession({ access_token, refresh_token }))
  assert.equal(user.email, 'link@example.com')
  assert.equal(await notes(client), 0)
  const late = fragment(await follow(link))
  assert.deepEqual([late.error, late.error_code, late.error_description], ['access_denied', 'otp_expired', 'Email link is invalid or has expired'])
})

test('signInWithOtp: the code, and the hash', async () => {
  const { auth } = visitor()
  const email = 'otp@example.com'
  assert.deepEqual(await good(auth.signInWithOtp({ email, options: { data: { name: 'Otto' } } })), { user: null, session: null })
  const { code } = await letter(email, 'magic_link')
  const { user } = await good(auth.verifyOtp({ email, token: code, type: 'email' }))
  assert.deepEqual([user.email, user.user_metadata], [email, { name: 'Otto' }])
  await good(auth.signInWithOtp({ email }))
  const { link } = await letter(email, 'magic_link', 2)
  const token_hash = new URL(link).searchParams.get('token')
  const again = await good(visitor().auth.verifyOtp({ token_hash, type: 'magiclink' }))
  assert.equal(again.user.id, user.id)
  await refused(visitor().auth.verifyOtp({ token_hash, type: 'magiclink' }), 403, 'otp_expired')
})

test('signInWithOtp for nobody: the answer is the same, and nobody is made', async () => {
  const { auth } = visitor()
  const email = 'stranger@example.com'
  assert.deepEqual(await good(auth.signInWithOtp({ email, options: { shouldCreateUser: false } })), { user: null, session: null })
  await refused(auth.verifyOtp({ email, token: '123456', type: 'email' }), 403, 'otp_expired')
})

test('resend', async () => {
  const { auth } = visitor()
  const email = 'again@example.com'
  await good(auth.signUp({ email, password }))
  const first = await letter(email, 'confirmation')
  await good(auth.resend({ type: 'signup', email }))
  const second = await letter(email, 'confirmation', 2)
  if (first.code !== second.code) await refused(auth.verifyOtp({ email, token: first.code, type: 'signup' }), 403, 'otp_expired')
  await good(auth.verifyOtp({ email, token: second.code, type: 'signup' }))
})

test('by phone', async () => {
  const { auth } = visitor()
  const phone = '+15551230001'
  const made = await good(auth.signUp({ phone, password }))
  assert.deepEqual([made.session, made.user.phone, made.user.email], [null, '15551230001', ''])
  await refused(auth.signInWithPassword({ phone, password }), 400, 'phone_not_confirmed')
  await texted('15551230001')
  await good(auth.resend({ type: 'sms', phone }))
  await good(auth.verifyOtp({ phone, token: await texted('15551230001', 2), type: 'sms' }))
  const { user } = await good(visitor().auth.signInWithPassword({ phone, password }))
  assert.equal(user.id, made.user.id)
  const sent = await good(auth.signInWithOtp({ phone }))
  assert.equal(typeof sent.messageId, 'string')
  await good(visitor().auth.verifyOtp({ phone, token: await texted('15551230001', 3), type: 'sms' }))
})

test('signInAnonymously, and somebody later', async () => {
  const client = visitor()
  const { user, session } = await good(client.auth.signInAnonymously({ options: { data: { name: 'Nemo' } } }))
  assert.deepEqual([user.is_anonymous, user.email, user.user_metadata], [true, '', { name: 'Nemo' }])
  assert.ok(session.refresh_token)
  assert.equal(await notes(client), 0)
  await good(client.auth.updateUser({ email: 'nemo@example.com' }))
  const { code } = await letter('nemo@example.com', 'email_change')
  const whole = await good(client.auth.verifyOtp({ email: 'nemo@example.com', token: code, type: 'email_change' }))
  assert.deepEqual([whole.user.id, whole.user.email, whole.user.is_anonymous], [user.id, 'nemo@example.com', false])
})

test('exchangeCodeForSession: the flow with a proof of the client', async () => {
  const { auth } = visitor({ flowType: 'pkce' })
  const email = 'pkce@example.com'
  await good(auth.signUp({ email, password, options: { emailRedirectTo: `${site}/welcome` } }))
  const address = await follow((await letter(email, 'confirmation')).link)
  assert.equal(address.hash, '')
  const code = address.searchParams.get('code')
  const { user, session } = await good(auth.exchangeCodeForSession(code))
  assert.deepEqual([user.email, session.token_type], [email, 'bearer'])
  await good(auth.signOut())
  await good(auth.signInWithOtp({ email }))
  const stolen = (await follow((await letter(email, 'magic_link')).link)).searchParams.get('code')
  const thief = visitor({ flowType: 'pkce' })
  await good(thief.auth.signInWithOtp({ email: 'thief@example.com' }))
  await refused(thief.auth.exchangeCodeForSession(stolen), 400, 'bad_code_verifier', 'code challenge does not match previously saved code verifier')
  await refused(auth.exchangeCodeForSession(stolen), 404, 'flow_state_not_found')
})

test('resetPasswordForEmail', async () => {
  const email = 'forgot@example.com'
  await member(email)
  const { auth } = visitor({ flowType: 'pkce' })
  await good(auth.resetPasswordForEmail(email, { redirectTo: `${site}/account` }))
  await good(visitor().auth.resetPasswordForEmail('nobody@example.com'))
  const address = await follow((await letter(email, 'recovery')).link)
  assert.equal(address.pathname, '/account')
  const events = []
  auth.onAuthStateChange((event) => void events.push(event))
  const { user } = await good(auth.exchangeCodeForSession(address.searchParams.get('code')))
  assert.ok(events.includes('PASSWORD_RECOVERY'), events)
  await good(auth.updateUser({ password: other }))
  const entered = await good(visitor().auth.signInWithPassword({ email, password: other }))
  assert.equal(entered.user.id, user.id)
})
