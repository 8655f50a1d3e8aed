// Logging in at a provider by supabase-js, as a page does it, and by the pages of the provider as a browser shows them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createClient } from '@supabase/supabase-js'

const { BACKSTAY_URL, PUBLISHABLE_KEY, SITE } = process.env

globalThis.WebSocket ??= class {}

function connect(flowType) {
  const kept = new Map()
  const storage = {
    getItem: (name) => kept.get(name) ?? null,
    setItem: (name, value) => void kept.set(name, value),
    removeItem: (name) => void kept.delete(name),
  }
  const auth = { flowType, storage, persistSession: true, autoRefreshToken: false, detectSessionInUrl: false }
  return createClient(BACKSTAY_URL, PUBLISHABLE_KEY, { auth })
}

// A browser that logs in wherever it is asked to, until it is back at the site.
async function browse(url, name) {
  const cookies = new Map()
  let request = { url, method: 'GET' }
  for (let step = 0; step < 16; step++) {
    if (request.url.startsWith(SITE)) return new URL(request.url)
    const answer = await fetch(request.url, {
      method: request.method,
      body: request.body,
      redirect: 'manual',
      headers: { cookie: [...cookies].map((pair) => pair.join('=')).join('; ') },
    })
    for (const cookie of answer.headers.getSetCookie()) {
      const [key, value] = cookie.split(';')[0].split(/=(.*)/s)
      if (value) cookies.set(key, value)
      else cookies.delete(key)
    }
    const location = answer.headers.get('location')
    if (location) {
      request = { url: new URL(location, request.url).href, method: 'GET' }
      continue
    }
    const page = await answer.text()
    const action = page.match(/action="([^"]+)"/)
    assert.ok(action, page)
    const prompt = page.match(/name="prompt" value="(\w+)"/)[1]
    request = {
      url: new URL(action[1], request.url).href,
      method: 'POST',
      body: new URLSearchParams({ prompt, login: name, password: 'any' }),
    }
  }
  assert.fail('the browser does not come back')
}

const options = { redirectTo: `${SITE}/welcome?tab=1`, skipBrowserRedirect: true }

test('a page logs in, links an identity and unlinks it', async () => {
  const { auth } = connect('pkce')
  const left = await auth.signInWithOAuth({ provider: 'keycloak', options })
  assert.equal(left.error, null)
  const back = await browse(left.data.url, 'ada')
  assert.equal(back.searchParams.get('tab'), '1')
  const { data, error } = await auth.exchangeCodeForSession(back.searchParams.get('code'))
  assert.equal(error, null)
  assert.equal(data.user.email, 'ada@example.com')
  assert.ok(data.session.provider_token)

  const linking = await auth.linkIdentity({ provider: 'workos', options })
  assert.equal(linking.error, null)
  const linked = await browse(linking.data.url, 'grace')
  assert.equal((await auth.exchangeCodeForSession(linked.searchParams.get('code'))).error, null)
  const held = (await auth.getUserIdentities()).data.identities
  assert.deepEqual(held.map((each) => [each.provider, each.id]), [['keycloak', 'ada'], ['workos', 'grace']])
  assert.equal((await auth.unlinkIdentity(held[1])).error, null)
  const last = await auth.unlinkIdentity(held[0])
  assert.equal(last.error.code, 'single_identity_not_deletable')

  const again = await browse((await auth.signInWithOAuth({ provider: 'keycloak', options })).data.url, 'ada')
  assert.equal((await auth.exchangeCodeForSession(again.searchParams.get('code'))).data.user.id, data.user.id)
})

test('a page without PKCE finds its session in the address', async () => {
  const { auth } = connect('implicit')
  const left = await auth.signInWithOAuth({ provider: 'keycloak', options })
  const found = new URLSearchParams((await browse(left.data.url, 'joan')).hash.slice(1))
  const { data, error } = await auth.setSession({
    access_token: found.get('access_token'),
    refresh_token: found.get('refresh_token'),
  })
  assert.equal(error, null)
  assert.equal(data.user.email, 'joan@example.com')
})

test('a page is told of a token that is none, and of a provider that is none', async () => {
  const { auth } = connect('pkce')
  const refused = await auth.signInWithIdToken({ provider: 'keycloak', token: 'a.b.c' })
  assert.equal(refused.error.message, 'Bad ID token')
  const unknown = await auth.signInWithOAuth({ provider: 'google', options })
  const answer = await (await fetch(unknown.data.url)).json()
  assert.equal(answer.message, 'Unsupported provider: provider is not enabled')
})
