// openid-client, a library for clients of any server, from the discovery of this one to the end of what it was given.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allow, asked, begin, callback, device, discover, distrusted, enlist, good, invoices, issuer, library, logIn, member, password, refused, register, url, wrong } from './session.mjs'

const ways = { client_secret_basic: library.ClientSecretBasic, client_secret_post: library.ClientSecretPost, none: library.None }

for (const algorithm of ['oidc', 'oauth2']) {
  test(`discovery: ${algorithm}`, async () => {
    const config = await discover(await register(), undefined, { algorithm })
    const server = config.serverMetadata()
    assert.equal(server.issuer, issuer)
    assert.ok(server.supportsPKCE())
    assert.deepEqual(server.prompt_values_supported, ['none', 'login', 'consent', 'select_account'])
    for (const name of ['authorization', 'token', 'revocation', 'introspection', 'userinfo', 'device_authorization', 'registration'])
      assert.ok(server[`${name}_endpoint`].startsWith(`${issuer}/oauth/`), name)
  })
}

for (const [method, way] of Object.entries(ways)) {
  test(`a login of a client that shows itself by ${method}`, async () => {
    const user = await member(`${method}@example.com`)
    const registered = await register({ token_endpoint_auth_method: method })
    assert.equal('client_secret' in registered, method !== 'none')
    const config = await discover(registered, way(registered.client_secret))
    const tokens = await logIn(config, user)
    assert.deepEqual([tokens.token_type, tokens.scope, tokens.expires_in > 0], ['bearer', 'openid email invoices:open', true])
    const { id } = (await good(user.auth.getUser())).user
    const { iss, sub, aud, email } = tokens.claims()
    assert.deepEqual([iss, sub, aud, email], [issuer, id, registered.client_id, `${method}@example.com`])
    assert.deepEqual(await library.fetchUserInfo(config, tokens.access_token, sub), { sub, email, email_verified: true })
    assert.deepEqual(await invoices(config, tokens.access_token), [2, 3])

    const next = await library.refreshTokenGrant(config, tokens.refresh_token, { scope: 'openid' })
    assert.notEqual(next.refresh_token, tokens.refresh_token)
    assert.deepEqual([next.scope, next.claims().sub], ['openid', id])
    assert.equal(await invoices(config, next.access_token), 403)
    await wrong(library.refreshTokenGrant(config, next.refresh_token, { scope: 'openid team' }), 'invalid_scope')

    await library.tokenRevocation(config, next.refresh_token, { token_type_hint: 'refresh_token' })
    await wrong(library.refreshTokenGrant(config, next.refresh_token), 'invalid_grant')
    assert.equal(await invoices(config, tokens.access_token), 401)
    await assert.rejects(library.fetchUserInfo(config, tokens.access_token, sub), (error) => {
      assert.deepEqual([error.status, error.cause[0].scheme, error.cause[0].parameters.error], [401, 'bearer', 'invalid_token'])
      return true
    })
  })
}

test('answers of the browser that are not of this login are refused by the client', async () => {
  const user = await member('mixed@example.com')
  const config = await discover(await register())
  const { address, checks } = await begin(config)
  const answer = await allow(user, address)
  const changed = (name, value) => {
    const other = new URL(answer)
    if (value === undefined) other.searchParams.delete(name)
    else other.searchParams.set(name, value)
    return other
  }
  for (const other of [changed('iss', 'https://evil.example'), changed('iss'), changed('state', 'another'), changed('state')])
    await distrusted(library.authorizationCodeGrant(config, other, checks), 'OAUTH_INVALID_RESPONSE')
  // None of them came as far as the server; the first that does uses the code up.
  const guess = { ...checks, pkceCodeVerifier: library.randomPKCECodeVerifier() }
  await wrong(library.authorizationCodeGrant(config, answer, guess), 'invalid_grant')
  await wrong(library.authorizationCodeGrant(config, answer, checks), 'invalid_grant')
})

test('an ID token of another login is refused by the client', async () => {
  const user = await member('nonce@example.com')
  const config = await discover(await register())
  for (const expectedNonce of ['another', undefined]) {
    const { address, checks } = await begin(config)
    const call = library.authorizationCodeGrant(config, await allow(user, address), { ...checks, expectedNonce })
    await distrusted(call, 'OAUTH_JWT_CLAIM_COMPARISON_FAILED')
  }
})

test('a client that wants to know since when the user is there', async () => {
  const user = await member('since@example.com')
  const config = await discover(await register())
  const { address, checks } = await begin(config, { max_age: 600 })
  const tokens = await library.authorizationCodeGrant(config, await allow(user, address), { ...checks, maxAge: 600 })
  assert.ok(Math.abs(tokens.claims().auth_time - Date.now() / 1000) < 60)
})

test('a client that has its user sign in again', async () => {
  const email = 'again@example.com'
  const user = await member(email)
  const config = await discover(await register())
  for (const more of [{ prompt: 'login' }, { max_age: 0 }]) {
    const { address, checks } = await begin(config, more)
    const id = await asked(address)
    await refused(user.auth.oauth.getAuthorizationDetails(id), 401, 'reauthentication_needed')
    await refused(user.auth.oauth.approveAuthorization(id), 401, 'reauthentication_needed')
    const began = Math.floor(Date.now() / 1000)
    await good(user.auth.signInWithPassword({ email, password }))
    const { redirect_url } = await good(user.auth.oauth.approveAuthorization(id))
    config[library.clockTolerance] = 30
    const tokens = await library.authorizationCodeGrant(config, new URL(redirect_url), { ...checks, maxAge: more.max_age })
    assert.ok(tokens.claims().auth_time >= began)
  }
})

test('a client that asks for a certain user', async () => {
  const [user, other] = [await member('hinted@example.com'), await member('another@example.com')]
  const config = await discover(await register())
  const { id_token: hint } = await logIn(config, user)
  const { address, checks } = await begin(config, { id_token_hint: hint, login_hint: 'hinted@example.com', prompt: 'consent' })
  const id = await asked(address)
  await refused(other.auth.oauth.approveAuthorization(id), 401, 'reauthentication_needed')
  const { redirect_url } = await good(user.auth.oauth.approveAuthorization(id))
  const tokens = await library.authorizationCodeGrant(config, new URL(redirect_url), checks)
  assert.equal(tokens.claims().email, 'hinted@example.com')
})

test('a request that cannot be is told to the client', async () => {
  const config = await discover(await register({ scope: 'openid invoices:open' }))
  for (const [more, error] of [[{ scope: 'openid team' }, 'invalid_scope'], [{ prompt: 'none' }, 'login_required'], [{ prompt: 'none login' }, 'invalid_request'], [{ max_age: 'soon' }, 'invalid_request'], [{ id_token_hint: 'x' }, 'invalid_request'], [{ code_challenge_method: 'plain' }, 'invalid_request']]) {
    const { address, checks } = await begin(config, { scope: 'openid', ...more })
    const sent = await fetch(address, { redirect: 'manual' })
    const back = new URL(sent.headers.get('location'))
    assert.equal(back.origin + back.pathname, callback)
    await assert.rejects(library.authorizationCodeGrant(config, back, checks), { error, code: 'OAUTH_AUTHORIZATION_RESPONSE_ERROR' })
  }
})

test('introspection', async () => {
  const user = await member('seen@example.com')
  const config = await discover(await register())
  const other = await discover(await register())
  const tokens = await logIn(config, user)
  const { sub } = tokens.claims()
  for (const hint of ['access_token', 'refresh_token']) {
    const seen = await library.tokenIntrospection(config, tokens[hint], { token_type_hint: hint })
    assert.deepEqual([seen.active, seen.sub, seen.scope, seen.iss, seen.client_id], [true, sub, tokens.scope, issuer, config.clientMetadata().client_id])
    assert.ok(seen.exp > Date.now() / 1000)
    assert.deepEqual(await library.tokenIntrospection(other, tokens[hint]), { active: false })
  }
  await library.tokenRevocation(config, tokens.access_token)
  for (const hint of ['access_token', 'refresh_token'])
    assert.deepEqual(await library.tokenIntrospection(config, tokens[hint]), { active: false })
})

test('a client acts for itself', async () => {
  const config = await discover(await register({ grant_types: ['client_credentials'], scope: 'invoices:read' }))
  const tokens = await library.clientCredentialsGrant(config, { scope: 'invoices:read' })
  assert.deepEqual([tokens.scope, tokens.refresh_token, tokens.id_token], ['invoices:read', undefined, undefined])
  assert.deepEqual(await invoices(config, tokens.access_token), [])
  await wrong(library.clientCredentialsGrant(config, { scope: 'openid' }), 'invalid_scope')
  await wrong(library.clientCredentialsGrant(await discover(await register())), 'unauthorized_client')
  await library.tokenRevocation(config, tokens.access_token)
  assert.equal(await invoices(config, tokens.access_token), 401)
})

test('a client with a wrong secret', async () => {
  const registered = await register({ grant_types: ['client_credentials'], scope: 'invoices:read' })
  for (const way of [library.ClientSecretBasic, library.ClientSecretPost]) {
    const config = await discover({ ...registered, client_secret: 'a guess' }, way('a guess'))
    await assert.rejects(library.clientCredentialsGrant(config), (error) => {
      assert.deepEqual([error.status, error.cause[0].scheme], [401, 'basic'])
      return true
    })
  }
})

test('a device', async () => {
  const user = await member('device@example.com')
  const config = await discover(await register({ grant_types: [device, 'refresh_token'], redirect_uris: [], token_endpoint_auth_method: 'none' }), library.None())
  const { session } = await good(user.auth.getSession())
  const outcomes = ['approve', 'deny'].map(async (action) => {
    const begun = await library.initiateDeviceAuthorization(config, { scope: 'openid invoices:open' })
    assert.match(begun.user_code, /^[B-Z]{4}-[B-Z]{4}$/)
    assert.equal(new URL(begun.verification_uri_complete).searchParams.get('user_code'), begun.user_code)
    const headers = { authorization: `Bearer ${session.access_token}`, 'content-type': 'application/json' }
    const met = await fetch(`${issuer}/oauth/device`, { method: 'POST', headers, body: JSON.stringify({ user_code: begun.user_code }) })
    const { authorization_id } = await met.json()
    const decide = { approve: 'approveAuthorization', deny: 'denyAuthorization' }[action]
    await good(user.auth.oauth[decide](authorization_id))
    return library.pollDeviceAuthorizationGrant(config, begun)
  })
  const [allowed] = outcomes
  await Promise.all([allowed, wrong(outcomes[1], 'access_denied')])
  const tokens = await allowed
  assert.equal(tokens.claims().sub, session.user.id)
  assert.ok(tokens.claims().auth_time > Date.now() / 1000 - 60)
  assert.deepEqual(await invoices(config, tokens.access_token), [2, 3])
  assert.equal((await library.refreshTokenGrant(config, tokens.refresh_token)).claims().sub, session.user.id)
})

test('a client registers itself, and every user is asked', async () => {
  const user = await member('dynamic@example.com')
  const metadata = { client_name: 'Anybody', redirect_uris: [callback], scope: 'openid invoices:read' }
  for (const [method, way] of Object.entries(ways)) {
    const config = await enlist({ ...metadata, token_endpoint_auth_method: method }, method === 'none' ? library.None() : undefined)
    const client = config.clientMetadata()
    assert.deepEqual([client.client_name, client.token_endpoint_auth_method, client.redirect_uris], ['Anybody', method, [callback]])
    const used = await discover(client, way(client.client_secret))
    for (let time = 0; time < 2; time++) {
      const tokens = await logIn(used, user, { scope: 'openid invoices:read' })
      assert.deepEqual(await invoices(used, tokens.access_token), [1, 2, 3])
    }
    const { address } = await begin(used, { scope: 'openid' })
    const sent = new URL((await fetch(address, { redirect: 'manual' })).headers.get('location'))
    const shown = await good(user.auth.oauth.getAuthorizationDetails(sent.searchParams.get('authorization_id')))
    assert.deepEqual([shown.client.name, shown.redirect_url], ['Anybody', undefined])
  }
  await wrong(enlist({ ...metadata, redirect_uris: ['http://books.example/'] }), 'invalid_redirect_uri')
  await wrong(enlist({ ...metadata, grant_types: ['client_credentials'] }), 'invalid_client_metadata')
})
