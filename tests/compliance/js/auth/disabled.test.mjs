// What Backstay does not do: clients are told so by a name, and not that there is nothing at the address.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { admin, refused, site, url, visitor } from './session.mjs'

test('signInWithSSO', async () => {
  for (const flowType of ['implicit', 'pkce'])
    for (const whose of [{ domain: 'example.com' }, { providerId: randomUUID() }])
      await refused(visitor({ flowType }).auth.signInWithSSO({ ...whose, options: { redirectTo: site } }), 404, 'saml_provider_disabled', 'SAML 2.0 is disabled')
})

test('signInWithWeb3', async () => {
  const ethereum = { chain: 'ethereum', message: 'club.example wants you to sign in', signature: '0x00' }
  const solana = { chain: 'solana', message: 'club.example wants you to sign in', signature: new Uint8Array(64) }
  for (const shown of [ethereum, solana])
    await refused(visitor().auth.signInWithWeb3(shown), 422, 'web3_provider_disabled', 'Web3 provider is disabled')
})

test('signInWithOAuth at a provider that is not declared', async () => {
  const { data, error } = await visitor().auth.signInWithOAuth({ provider: 'github', options: { redirectTo: `${site}/in`, scopes: 'repo', queryParams: { prompt: 'consent' } } })
  assert.equal(error, null)
  const address = new URL(data.url)
  assert.equal(address.origin + address.pathname, `${url}/auth/v1/authorize`)
  const { provider, redirect_to, scopes, prompt } = Object.fromEntries(address.searchParams)
  assert.deepEqual([provider, redirect_to, scopes, prompt], ['github', `${site}/in`, 'repo', 'consent'])
  const answer = await fetch(address, { redirect: 'manual' })
  assert.deepEqual([answer.status, (await answer.json()).message], [400, 'Unsupported provider: provider is not enabled'])
  await refused(visitor().auth.signInWithIdToken({ provider: 'github', token: 'a.b.c' }), 400, 'validation_failed')
})

test('admin.customProviders', async () => {
  const made = { provider_type: 'oidc', identifier: 'custom:acme', name: 'Acme', client_id: 'x', client_secret: 'y', issuer: 'https://acme.example' }
  for (const call of [
    () => admin.customProviders.listProviders(),
    () => admin.customProviders.createProvider(made),
    () => admin.customProviders.getProvider('custom:acme'),
    () => admin.customProviders.updateProvider('custom:acme', { name: 'Other' }),
    () => admin.customProviders.deleteProvider('custom:acme'),
  ])
    await refused(call(), 404, 'feature_disabled')
  await refused(visitor().auth.admin.customProviders.listProviders(), 401, 'no_authorization')
})
