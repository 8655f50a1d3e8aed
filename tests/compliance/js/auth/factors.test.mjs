// auth.mfa: second factors, and what a session is worth with and without one.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { admin, good, letter, member, password, refused, texted, visitor } from './session.mjs'

/** The code that an authenticator app shows (RFC 6238), so many steps from now. */
function shown(secret, steps = 0) {
  const bits = [...secret].map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000) + steps))
  const digest = createHmac('sha1', key).update(counter).digest()
  return String((digest.readUInt32BE(digest.at(-1) & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0')
}

const level = async (auth) => {
  const { currentLevel, nextLevel } = await good(auth.mfa.getAuthenticatorAssuranceLevel())
  return [currentLevel, nextLevel]
}

async function enter(email) {
  const { auth } = visitor()
  await good(auth.signInWithPassword({ email, password }))
  return auth
}

test('an authenticator app: enroll, challenge, verify, listFactors, unenroll', async () => {
  const { auth } = await member('ada@example.com')
  const factor = await good(auth.mfa.enroll({ factorType: 'totp', friendlyName: 'My phone', issuer: 'Club' }))
  assert.deepEqual([factor.type, factor.friendly_name], ['totp', 'My phone'])
  assert.ok(factor.totp.qr_code.startsWith('data:image/svg+xml;utf-8,<'), factor.totp.qr_code.slice(0, 40))
  assert.ok(factor.totp.uri.startsWith('otpauth://totp/Club:ada') && factor.totp.uri.includes(factor.totp.secret))
  const listed = await good(auth.mfa.listFactors())
  assert.deepEqual([listed.all.length, listed.totp.length, listed.all[0].status], [1, 0, 'unverified'])
  const challenge = await good(auth.mfa.challenge({ factorId: factor.id }))
  assert.ok(challenge.expires_at > Date.now() / 1000)
  const wrong = shown(factor.totp.secret) === '000000' ? '000001' : '000000'
  await refused(auth.mfa.verify({ factorId: factor.id, challengeId: challenge.id, code: wrong }), 422, 'mfa_verification_failed')
  const again = await good(auth.mfa.challenge({ factorId: factor.id }))
  const session = await good(auth.mfa.verify({ factorId: factor.id, challengeId: again.id, code: shown(factor.totp.secret) }))
  assert.ok(session.access_token && session.refresh_token)
  assert.deepEqual(await level(auth), ['aal2', 'aal2'])
  const later = await enter('ada@example.com')
  assert.deepEqual(await level(later), ['aal1', 'aal2'])
  await refused(later.updateUser({ password: 'another one entirely' }), 401, 'insufficient_aal')
  await refused(later.mfa.unenroll({ factorId: factor.id }), 422, 'insufficient_aal')
  await good(later.mfa.challengeAndVerify({ factorId: factor.id, code: shown(factor.totp.secret, 1) }))
  const { claims } = await good(later.getClaims())
  assert.deepEqual([claims.aal, claims.amr.map((each) => each.method).sort()], ['aal2', ['password', 'totp']])
  assert.deepEqual((await good(later.mfa.listFactors())).totp.map((each) => [each.id, each.status]), [[factor.id, 'verified']])
  await good(later.refreshSession())
  assert.deepEqual(await level(later), ['aal2', 'aal2'])
  assert.deepEqual(await good(later.mfa.unenroll({ factorId: factor.id })), { id: factor.id })
  await good(later.refreshSession())
  assert.equal((await level(later))[1], 'aal1')
})

test('a phone', async () => {
  const { auth } = await member('phone@example.com')
  const factor = await good(auth.mfa.enroll({ factorType: 'phone', phone: '+15551230009', friendlyName: 'Handset' }))
  assert.deepEqual([factor.type, factor.phone.replace('+', '')], ['phone', '15551230009'])
  const challenge = await good(auth.mfa.challenge({ factorId: factor.id, channel: 'sms' }))
  await good(auth.mfa.verify({ factorId: factor.id, challengeId: challenge.id, code: await texted('15551230009') }))
  assert.deepEqual(await level(auth), ['aal2', 'aal2'])
  assert.equal((await good(auth.mfa.listFactors())).phone[0].id, factor.id)
})

test('a factor of somebody else', async () => {
  const [ada, bob] = [await member('mine@example.com'), await member('yours@example.com')]
  const { id } = await good(bob.auth.mfa.enroll({ factorType: 'totp' }))
  await refused(ada.auth.mfa.challenge({ factorId: id }), 404, 'mfa_factor_not_found')
  await refused(ada.auth.mfa.unenroll({ factorId: id }), 404, 'mfa_factor_not_found')
})

test('admin.mfa: the factors of users who lost theirs', async () => {
  const { auth } = await member('lost@example.com')
  const { user } = await good(auth.getUser())
  const factor = await good(auth.mfa.enroll({ factorType: 'totp' }))
  await good(auth.mfa.challengeAndVerify({ factorId: factor.id, code: shown(factor.totp.secret) }))
  const { factors } = await good(admin.mfa.listFactors({ userId: user.id }))
  assert.deepEqual(factors.map((each) => [each.id, each.status, each.factor_type]), [[factor.id, 'verified', 'totp']])
  // auth-js wraps this answer twice.
  assert.equal((await good(admin.mfa.deleteFactor({ userId: user.id, id: factor.id }))).data.id, factor.id)
  assert.deepEqual((await good(admin.mfa.listFactors({ userId: user.id }))).factors, [])
  assert.deepEqual(await level(await enter('lost@example.com')), ['aal1', 'aal1'])
  assert.equal((await letter('lost@example.com', 'factor_removed')).kind, 'factor_removed')
})

test('recovery codes: generate, getStatus, verify, regenerate, unenroll', async () => {
  const { auth } = await member('paper@example.com', { auth: { experimental: { recoveryCodes: true } } })
  const { recoveryCodes } = auth.mfa
  await refused(recoveryCodes.getStatus(), 404, 'mfa_factor_not_found')
  await refused(recoveryCodes.generate(), 403, 'insufficient_aal')
  const factor = await good(auth.mfa.enroll({ factorType: 'totp' }))
  await good(auth.mfa.challengeAndVerify({ factorId: factor.id, code: shown(factor.totp.secret) }))
  const made = await good(recoveryCodes.generate({ friendlyName: 'On paper' }))
  assert.deepEqual([made.type, made.total, new Set(made.codes).size], ['recovery_code', 10, 10])
  await refused(recoveryCodes.generate(), 422, 'mfa_verified_factor_exists')
  // The phone is lost: a code does in its place, with or without a challenge of it, and once.
  await good(auth.signInWithPassword({ email: 'paper@example.com', password }))
  await refused(recoveryCodes.verify({ code: '2222-2222-2222-2222-2222-2222' }), 422, 'mfa_verification_failed')
  await good(recoveryCodes.verify({ code: made.codes[0].toLowerCase() }))
  assert.deepEqual((await good(auth.getClaims())).claims.amr.map((each) => each.method), ['password', 'mfa/recovery_code'])
  await good(auth.signInWithPassword({ email: 'paper@example.com', password }))
  await refused(auth.mfa.challengeAndVerify({ factorId: factor.id, code: made.codes[0] }), 422, 'mfa_verification_failed')
  await good(auth.mfa.challengeAndVerify({ factorId: factor.id, code: made.codes[1] }))
  assert.deepEqual(await good(recoveryCodes.getStatus()), { id: made.id, type: 'recovery_code', total: 10, remaining: 8 })
  const anew = await good(recoveryCodes.regenerate())
  assert.deepEqual([anew.id, anew.total, anew.codes.includes(made.codes[2])], [made.id, 10, false])
  await refused(recoveryCodes.verify({ code: made.codes[2] }), 422, 'mfa_verification_failed')
  assert.deepEqual(await good(recoveryCodes.unenroll()), { id: made.id })
  await refused(recoveryCodes.getStatus(), 404, 'mfa_factor_not_found')
})

// With the keys themselves: tests/compliance/test_passkeys.py, in a browser.
test('a security key: what a browser is asked, and an answer that is none', async () => {
  const { auth } = await member('stick@example.com')
  const factor = await good(auth.mfa.enroll({ factorType: 'webauthn', friendlyName: 'Stick' }))
  assert.deepEqual([factor.type, factor.friendly_name], ['webauthn', 'Stick'])
  const asked = await good(auth.mfa.challenge({ factorId: factor.id, webauthn: { rpId: 'evil.example', rpOrigins: ['https://evil.example'] } }))
  const { publicKey } = asked.webauthn.credential_options
  assert.deepEqual([asked.type, asked.webauthn.type, publicKey.rp.id], ['webauthn', 'create', '127.0.0.1'])
  const credential_response = { id: 'AAAA', rawId: 'AAAA', type: 'public-key', response: {}, toJSON: () => ({ id: 'AAAA', rawId: 'AAAA', type: 'public-key', response: {} }) }
  await refused(auth.mfa.verify({ factorId: factor.id, challengeId: asked.id, webauthn: { type: 'create', credential_response } }), 400, 'webauthn_verification_failed')
  assert.equal((await good(auth.mfa.listFactors())).webauthn.length, 0)
  assert.deepEqual(await level(auth), ['aal1', 'aal1'])
  await good(auth.mfa.unenroll({ factorId: factor.id }))
})

test('passkeys: what a browser is asked, and an answer that is none', async () => {
  const { auth } = await member('passkey@example.com')
  const { user } = await good(auth.getUser())
  const credential = { id: 'AAAA', rawId: 'AAAA', type: 'public-key', response: {}, clientExtensionResults: {} }
  const making = await good(auth.passkey.startRegistration())
  assert.deepEqual([making.options.user.name, making.options.authenticatorSelection.residentKey], ['passkey@example.com', 'required'])
  await refused(auth.passkey.verifyRegistration({ challengeId: making.challenge_id, credential }), 400, 'webauthn_verification_failed')
  const asked = await good(auth.passkey.startAuthentication())
  assert.deepEqual([asked.options.userVerification, asked.options.allowCredentials], ['required', []])
  await refused(auth.passkey.verifyAuthentication({ challengeId: asked.challenge_id, credential }), 400, 'webauthn_verification_failed')
  assert.deepEqual(await good(auth.passkey.list()), [])
  await refused(auth.passkey.delete({ passkeyId: user.id }), 404, 'validation_failed')
  assert.deepEqual(await good(admin.passkey.listPasskeys({ userId: user.id })), [])
})
