// What the sessions share: users of the agency, clients that they let act for them, and the way between the two.
import assert from 'node:assert/strict'
import * as library from 'openid-client'
import { admin, good, password, service, site, url, visitor } from '../auth/session.mjs'

export { admin, good, password, refused, service, site, url, visitor } from '../auth/session.mjs'
export { library }
export const issuer = `${url}/auth/v1`
export const callback = 'https://books.example/callback'
export const device = 'urn:ietf:params:oauth:grant-type:device_code'

// The tests' server speaks without TLS.
const execute = [library.allowInsecureRequests]

/** The client of a user who signed up, and whom the agency put into its first organisation. */
export async function member(email) {
  const client = visitor()
  const { user } = await good(client.auth.signUp({ email, password }))
  await good(service.from('users').update({ org_id: 1 }).eq('id', user.id))
  return client
}

/** A client, as the secret key registers it. */
export async function register(more = {}) {
  return good(admin.oauth.createClient({ client_name: 'Books', redirect_uris: [callback], scope: 'openid email invoices:open', ...more }))
}

/** The library, set up for a registered client by what the server tells of itself. */
export async function discover(registered, authentication = undefined, options = {}) {
  return library.discovery(new URL(issuer), registered.client_id, registered.client_secret, authentication, { execute, ...options })
}

/** The library, set up for a client that registers itself. */
export async function enlist(metadata, authentication = undefined) {
  return library.dynamicClientRegistration(new URL(issuer), metadata, authentication, { execute })
}

/** What a client keeps of a login on its way, and where it sends the browser. */
export async function begin(config, more = {}) {
  const [verifier, state, nonce] = [library.randomPKCECodeVerifier(), library.randomState(), library.randomNonce()]
  const asked = { redirect_uri: callback, scope: 'openid email invoices:open', state, nonce, code_challenge_method: 'S256', code_challenge: await library.calculatePKCECodeChallenge(verifier), ...more }
  const address = library.buildAuthorizationUrl(config, asked)
  return { address, checks: { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, idTokenExpected: true } }
}

/** The id under which the agency's page of consent, where the browser is sent, finds what is asked. */
export async function asked(address) {
  const answer = await fetch(address, { redirect: 'manual' })
  assert.equal(answer.status, 302, await answer.text())
  const page = new URL(answer.headers.get('location'))
  assert.equal(page.origin + page.pathname, `${site}/oauth/consent`)
  return page.searchParams.get('authorization_id')
}

/** Where the browser brings the answer of a user who allows what a client asks for. */
export async function allow(user, address) {
  return new URL((await good(user.auth.oauth.approveAuthorization(await asked(address)))).redirect_url)
}

/** The tokens of a client that a user lets in. */
export async function logIn(config, user, more = {}) {
  const { address, checks } = await begin(config, more)
  return library.authorizationCodeGrant(config, await allow(user, address), checks)
}

/** The invoices that a token reads, or the status of the refusal. */
export async function invoices(config, token) {
  const answer = await fetch(`${url}/rest/v1/invoices?select=id&order=id`, { headers: { authorization: `Bearer ${token}` } })
  return answer.ok ? (await answer.json()).map((row) => row.id) : answer.status
}

/** The error of OAuth that a call of the library must end with. */
export async function wrong(call, error, status = 400) {
  await assert.rejects(call, (found) => {
    assert.deepEqual([found.error, found.status], [error, status], String(found.cause ?? found))
    return true
  })
}

/** The code by which the library itself refuses an answer. */
export async function distrusted(call, code) {
  await assert.rejects(call, (found) => {
    assert.equal(found.code ?? found.cause?.code, code, String(found.cause ?? found))
    return true
  })
}
