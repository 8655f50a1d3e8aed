// auth.oauth and auth.admin.oauth of auth-js: how a page asks its user, and how a server keeps the clients.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { admin, asked, begin, callback, discover, good, invoices, library, logIn, member, refused, register, visitor } from './session.mjs'

test('getAuthorizationDetails, approveAuthorization', async () => {
  const user = await member('ada@example.com')
  const registered = await register({ client_uri: 'https://books.example', scope: 'openid invoices:open' })
  const config = await discover(registered)
  const { address, checks } = await begin(config, { scope: 'openid invoices:open' })
  const id = await asked(address)
  const shown = await good(user.auth.oauth.getAuthorizationDetails(id))
  assert.deepEqual(shown.client, { id: registered.client_id, name: 'Books', uri: 'https://books.example', logo_uri: '' })
  assert.deepEqual([shown.authorization_id, shown.redirect_uri, shown.user.email, shown.scope], [id, callback, 'ada@example.com', 'openid invoices:open'])
  assert.deepEqual(shown.scopes[1], { name: 'invoices:open', description: 'Read and write open invoices.' })
  const { redirect_url } = await good(user.auth.oauth.approveAuthorization(id, { skipBrowserRedirect: true }))
  const tokens = await library.authorizationCodeGrant(config, new URL(redirect_url), checks)
  assert.deepEqual(await invoices(config, tokens.access_token), [2, 3])
  await refused(user.auth.oauth.approveAuthorization(id), 404, 'oauth_authorization_not_found')

  // What is allowed already is not asked again: the details are the way back.
  const again = await begin(config, { scope: 'openid' })
  const back = await good(user.auth.oauth.getAuthorizationDetails(await asked(again.address)))
  assert.ok((await library.authorizationCodeGrant(config, new URL(back.redirect_url), again.checks)).access_token)
})

test('denyAuthorization', async () => {
  const user = await member('no@example.com')
  const config = await discover(await register())
  const { address, checks } = await begin(config)
  const { redirect_url } = await good(user.auth.oauth.denyAuthorization(await asked(address)))
  const call = library.authorizationCodeGrant(config, new URL(redirect_url), checks)
  await assert.rejects(call, { code: 'OAUTH_AUTHORIZATION_RESPONSE_ERROR', error: 'access_denied' })
  assert.deepEqual(await good(user.auth.oauth.listGrants()), [])
})

test('nobody decides for somebody else, or without signing in', async () => {
  const [ada, bob] = [await member('mine@example.com'), await member('yours@example.com')]
  const id = await asked((await begin(await discover(await register()))).address)
  await good(ada.auth.oauth.getAuthorizationDetails(id))
  await refused(bob.auth.oauth.getAuthorizationDetails(id), 404, 'oauth_authorization_not_found')
  await refused(bob.auth.oauth.approveAuthorization(id), 404, 'oauth_authorization_not_found')
  await refused(bob.auth.oauth.denyAuthorization(randomUUID()), 404, 'oauth_authorization_not_found')
  assert.equal((await visitor().auth.oauth.approveAuthorization(id)).error.name, 'AuthSessionMissingError')
  await good(ada.auth.oauth.approveAuthorization(id))
})

test('listGrants, revokeGrant', async () => {
  const user = await member('grants@example.com')
  const [first, second] = [await discover(await register()), await discover(await register({ client_name: 'Ledgers' }))]
  const [tokens, kept] = [await logIn(first, user), await logIn(second, user, { scope: 'openid invoices:open' })]
  const grants = await good(user.auth.oauth.listGrants())
  assert.deepEqual(grants.map((each) => [each.client.name, each.scopes]), [['Ledgers', ['openid', 'invoices:open']], ['Books', ['openid', 'email', 'invoices:open']]])
  assert.ok(grants.every((each) => new Date(each.granted_at) <= new Date()))
  const clientId = first.clientMetadata().client_id
  assert.deepEqual(await good(user.auth.oauth.revokeGrant({ clientId })), {})
  assert.deepEqual((await good(user.auth.oauth.listGrants())).map((each) => each.client.name), ['Ledgers'])
  assert.equal(await invoices(first, tokens.access_token), 401)
  await assert.rejects(library.refreshTokenGrant(first, tokens.refresh_token), { error: 'invalid_grant' })
  assert.deepEqual(await invoices(second, kept.access_token), [2, 3])
  await refused(user.auth.oauth.revokeGrant({ clientId }), 404, 'oauth_consent_not_found')
})

test('admin.oauth: createClient, getClient, listClients, updateClient, deleteClient', async () => {
  const before = (await good(admin.oauth.listClients())).total
  const made = []
  for (const client_name of ['One', 'Two', 'Three']) made.push(await register({ client_name, scope: 'invoices:read' }))
  const [{ client_id, client_secret }] = made
  assert.ok(client_secret)
  const shown = await good(admin.oauth.getClient(client_id))
  const { client_secret: secret, client_secret_expires_at: expires, ...known } = made[0]
  assert.deepEqual([shown, expires], [known, 0])
  assert.deepEqual([shown.client_type, shown.registration_type, shown.token_endpoint_auth_method], ['confidential', 'manual', 'client_secret_basic'])
  assert.deepEqual([shown.grant_types, shown.response_types, shown.scope], [['authorization_code', 'refresh_token'], ['code'], 'invoices:read'])
  const page = await good(admin.oauth.listClients({ page: 1, perPage: 2 }))
  assert.deepEqual([page.clients.map((each) => each.client_name), page.total, page.nextPage], [['Three', 'Two'], before + 3, 2])
  assert.equal(page.lastPage, Math.ceil(page.total / 2))
  const changed = await good(admin.oauth.updateClient(client_id, { client_name: 'Uno', redirect_uris: [callback, 'com.example.books:/back'], logo_uri: 'https://books.example/logo.svg' }))
  assert.deepEqual([changed.client_name, changed.redirect_uris.length, changed.logo_uri, changed.scope], ['Uno', 2, 'https://books.example/logo.svg', 'invoices:read'])
  assert.ok(changed.updated_at > changed.created_at)
  await refused(admin.oauth.updateClient(client_id, { token_endpoint_auth_method: 'none' }), 400, 'validation_failed')
  assert.deepEqual(await admin.oauth.deleteClient(client_id), { data: null, error: null })
  await refused(admin.oauth.getClient(client_id), 404, 'oauth_client_not_found')
  await refused(admin.oauth.deleteClient(client_id), 404, 'oauth_client_not_found')
})

test('admin.oauth: what cannot be', async () => {
  const told = await refused(admin.oauth.createClient({ client_name: 'Books', redirect_uris: ['http://books.example'] }), 400, 'validation_failed')
  assert.match(told.message, /redirect_uri/)
  const user = await member('curious@example.com')
  const { session } = await good(user.auth.getSession())
  const as = visitor({}, { Authorization: `Bearer ${session.access_token}` })
  await refused(as.auth.admin.oauth.listClients(), 403, 'not_admin')
  await refused(visitor().auth.admin.oauth.createClient({ client_name: 'x', redirect_uris: [callback] }), 401, 'no_authorization')
})

test('admin.oauth: regenerateClientSecret, deleteClient: what was given is worth nothing', async () => {
  const user = await member('renewed@example.com')
  const registered = await register()
  const config = await discover(registered)
  const tokens = await logIn(config, user)
  const renewed = await good(admin.oauth.regenerateClientSecret(registered.client_id))
  assert.ok(renewed.client_secret !== registered.client_secret && renewed.client_id === registered.client_id)
  assert.equal(await invoices(config, tokens.access_token), 401)
  await assert.rejects(library.refreshTokenGrant(config, tokens.refresh_token), { status: 401 })
  const later = await discover(renewed)
  const next = await logIn(later, user)
  assert.deepEqual(await invoices(later, next.access_token), [2, 3])
  await admin.oauth.deleteClient(renewed.client_id)
  assert.equal(await invoices(later, next.access_token), 401)
  assert.deepEqual(await good(user.auth.oauth.listGrants()), [])
})

test('a user who is banned or deleted ends what clients were given for them', async () => {
  const config = await discover(await register())
  const ways = {
    banned: (id) => admin.updateUserById(id, { ban_duration: '24h' }),
    deleted: (id) => admin.deleteUser(id),
    'softly deleted': (id) => admin.deleteUser(id, true),
  }
  for (const [name, turnOut] of Object.entries(ways)) {
    const user = await member(`${name.replace(' ', '.')}@example.com`)
    const tokens = await logIn(config, user)
    assert.deepEqual(await invoices(config, tokens.access_token), [2, 3])
    await good(turnOut(tokens.claims().sub))
    assert.equal(await invoices(config, tokens.access_token), 401, name)
    await assert.rejects(library.refreshTokenGrant(config, tokens.refresh_token), { error: 'invalid_grant' }, name)
    for (const token of [tokens.access_token, tokens.refresh_token])
      assert.deepEqual(await library.tokenIntrospection(config, token), { active: false }, name)
  }
})
