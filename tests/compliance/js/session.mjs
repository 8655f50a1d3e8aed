// What the sessions share: who they are, and how they say what they expect.
import assert from 'node:assert/strict'
import { createClient } from '@supabase/supabase-js'

const told = process.env
export const url = told.BACKSTAY_URL
export const database = told.DATABASE
export const keys = { publishable: told.PUBLISHABLE_KEY, secret: told.SECRET_KEY }
export const tokens = {
  ada: told.ADA_TOKEN,
  bob: told.BOB_TOKEN,
  cyd: told.CYD_TOKEN,
  anon: told.ANON_TOKEN,
  service: told.SERVICE_TOKEN,
  expired: told.EXPIRED_TOKEN,
  forged: told.FORGED_TOKEN,
}

// Node before 22 has no WebSocket; these sessions need none.
globalThis.WebSocket ??= class {}
const auth = { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false }

export function connect(key, options = {}) {
  return createClient(url, key, { auth, ...options })
}

export function signedIn(name, options = {}) {
  return connect(keys.publishable, {
    ...options,
    global: { ...options.global, headers: { Authorization: `Bearer ${tokens[name]}` } },
  })
}

export const anon = connect(keys.publishable)
export const service = connect(keys.secret)
export const [ada, bob, cyd] = ['ada', 'bob', 'cyd'].map((name) => signedIn(name))

export const uid = (number) => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`
export const users = { ada: uid(11), bob: uid(12), cyd: uid(13) }
export const orgs = { acme: uid(1), zeta: uid(2) }

/** The data of an answer that must be good. */
export async function data(query, status = 200, statusText = undefined) {
  const answer = await query
  assert.equal(answer.error, null, JSON.stringify(answer.error))
  assert.equal(answer.status, status)
  if (statusText !== undefined) assert.equal(answer.statusText, statusText)
  return answer.data
}

/** The values of one column of the answered rows. */
export async function column(query, name = 'number') {
  return (await data(query)).map((row) => row[name])
}

/** The error of an answer that must be one. */
export async function refused(query, status, statusText, expected) {
  const answer = await query
  assert.equal(answer.data, null)
  assert.equal(answer.status, status, JSON.stringify(answer.error))
  assert.equal(answer.statusText, statusText)
  assert.deepEqual({ ...answer.error }, expected)
}
