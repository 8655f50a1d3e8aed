// auth.admin: what a server does with users.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { admin, follow, fragment, good, letter, member, notes, other, password, refused, site, visitor } from './session.mjs'

const enter = (email, password) => visitor().auth.signInWithPassword({ email, password })

test('createUser, getUserById, updateUserById', async () => {
  const email = 'ada@example.com'
  const { user } = await good(admin.createUser({ email, password, email_confirm: true, user_metadata: { name: 'Ada' }, app_metadata: { plan: 'gold' } }))
  assert.deepEqual([user.email, user.user_metadata.name, user.app_metadata.plan], [email, 'Ada', 'gold'])
  await good(enter(email, password))
  assert.equal((await good(admin.getUserById(user.id))).user.email, email)
  const changed = await good(admin.updateUserById(user.id, { email: 'lovelace@example.com', password: other, user_metadata: { name: null, born: 1815 } }))
  assert.deepEqual([changed.user.email, changed.user.user_metadata], ['lovelace@example.com', { born: 1815 }])
  assert.equal((await good(enter('lovelace@example.com', other))).user.id, user.id)
  await refused(admin.createUser({ email: 'lovelace@example.com' }), 422, 'email_exists', 'A user with this email address has already been registered')
  await refused(admin.createUser({}), 400, 'validation_failed', 'Cannot create a user without either an email or phone')
  await refused(admin.getUserById(randomUUID()), 404, 'user_not_found', 'User not found')
})

test('listUsers', async () => {
  for (const number of [1, 2, 3, 4, 5]) await good(admin.createUser({ email: `listed${number}@example.com` }))
  const first = await good(admin.listUsers({ page: 1, perPage: 2 }))
  assert.equal(first.users.length, 2)
  assert.deepEqual([first.aud, first.nextPage], ['authenticated', 2])
  assert.equal(first.lastPage, Math.ceil(first.total / 2))
  const seen = new Set()
  for (let page = 1; page; ) {
    const found = await good(admin.listUsers({ page, perPage: 2 }))
    for (const user of found.users) seen.add(user.email)
    page = found.nextPage
  }
  assert.equal(seen.size, first.total)
  assert.ok(seen.has('listed1@example.com') && seen.has('listed5@example.com'))
  assert.equal((await good(admin.listUsers())).users.length, first.total)
})

test('ban_duration: a user is turned out, and may come back', async () => {
  const client = await member('banned@example.com')
  const { session } = await good(client.auth.getSession())
  const { user } = await good(admin.updateUserById(session.user.id, { ban_duration: '24h' }))
  assert.ok(new Date(user.banned_until) > new Date())
  assert.equal(await notes(client), undefined)
  await refused(visitor().auth.refreshSession({ refresh_token: session.refresh_token }), 400, 'refresh_token_not_found')
  await refused(enter('banned@example.com', password), 400, 'user_banned', 'User is banned')
  await good(admin.updateUserById(session.user.id, { ban_duration: 'none' }))
  await good(enter('banned@example.com', password))
})

test('deleteUser: for good, and softly', async () => {
  for (const softly of [false, true]) {
    const email = `gone${softly}@example.com`
    const client = await member(email)
    const { user } = await good(client.auth.getUser())
    await good(admin.deleteUser(user.id, softly))
    assert.equal(await notes(client), undefined)
    await refused(enter(email, password), 400, 'invalid_credentials')
    if (softly) assert.ok((await good(admin.getUserById(user.id))).user.deleted_at)
    else await refused(admin.getUserById(user.id), 404, 'user_not_found')
    await member(`${email}.org`)
  }
})

test('inviteUserByEmail', async () => {
  const email = 'guest@example.com'
  const { user } = await good(admin.inviteUserByEmail(email, { data: { name: 'Guest' }, redirectTo: `${site}/welcome` }))
  assert.ok(user.invited_at)
  const address = await follow((await letter(email, 'invite')).link)
  assert.equal(address.pathname, '/welcome')
  const { access_token, refresh_token, type } = fragment(address)
  assert.equal(type, 'invite')
  const client = visitor()
  await good(client.auth.setSession({ access_token, refresh_token }))
  await good(client.auth.updateUser({ password }))
  assert.equal((await good(enter(email, password))).user.id, user.id)
  await refused(admin.inviteUserByEmail(email), 422, 'email_exists')
})

test('generateLink', async () => {
  const email = 'linked@example.com'
  for (const [params, way] of [
    [{ type: 'signup', email, password, options: { data: { name: 'Lin' } } }, 'signup'],
    [{ type: 'magiclink', email, options: { redirectTo: `${site}/in` } }, 'magiclink'],
    [{ type: 'recovery', email }, 'recovery'],
    [{ type: 'invite', email: 'new@example.com' }, 'invite'],
  ]) {
    const { user, properties } = await good(admin.generateLink(params))
    assert.deepEqual([user.email, properties.verification_type], [params.email, way])
    assert.equal(properties.redirect_to, params.options?.redirectTo ?? site)
    assert.match(properties.email_otp, /^\d{6}$/)
    const { auth } = visitor()
    const entered = await good(auth.verifyOtp({ token_hash: properties.hashed_token, type: properties.verification_type }))
    assert.equal(entered.user.id, user.id)
  }
  const { properties } = await good(admin.generateLink({ type: 'magiclink', email }))
  assert.equal(fragment(await follow(properties.action_link)).type, 'magiclink')
  const links = {}
  for (const type of ['email_change_current', 'email_change_new'])
    links[type] = (await good(admin.generateLink({ type, email, newEmail: 'relinked@example.com' }))).properties
  await follow(links.email_change_current.action_link)
  await follow(links.email_change_new.action_link)
  assert.equal((await good(enter('relinked@example.com', password))).user.email, 'relinked@example.com')
})

test('admin.passkey: of a user who has none, and of nobody', async () => {
  const { user } = await good(admin.createUser({ email: 'keyless@example.com' }))
  assert.deepEqual(await good(admin.passkey.listPasskeys({ userId: user.id })), [])
  await refused(admin.passkey.deletePasskey({ userId: user.id, passkeyId: randomUUID() }), 404, 'validation_failed', 'Passkey not found')
  await refused(admin.passkey.listPasskeys({ userId: randomUUID() }), 404, 'user_not_found')
})

test('admin.signOut', async () => {
  const client = await member('out@example.com')
  const { session } = await good(client.auth.getSession())
  await good(admin.signOut(session.access_token, 'global'))
  assert.equal(await notes(client), undefined)
})

test('a visitor and a user are refused', async () => {
  const { session } = await good((await member('curious@example.com')).auth.getSession())
  const user = visitor({}, { Authorization: `Bearer ${session.access_token}` })
  await refused(user.auth.admin.listUsers(), 403, 'not_admin', 'User not allowed')
  await refused(visitor().auth.admin.createUser({ email: 'x@example.com' }), 401, 'no_authorization')
})
