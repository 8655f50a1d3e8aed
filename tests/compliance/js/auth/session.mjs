// What the sessions share: clients of the club, everybody's mailbox, and how they say what they expect.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { setTimeout } from 'node:timers/promises'
import { createClient } from '@supabase/supabase-js'

const told = process.env
export const url = told.BACKSTAY_URL
export const site = told.SITE_URL
export const password = 'seven brown horses'
export const other = 'nine green apples'

// Node before 22 has no WebSocket; these sessions need none.
globalThis.WebSocket ??= class {}

/** A client of somebody who is not signed in yet. */
export function visitor(auth = {}, headers = {}) {
  return createClient(url, told.PUBLISHABLE_KEY, { global: { headers }, auth: { autoRefreshToken: false, persistSession: false, detectSessionInUrl: false, ...auth } })
}

/** A server's client. */
export const service = createClient(url, told.SECRET_KEY, { auth: { autoRefreshToken: false, persistSession: false } })
export const admin = service.auth.admin

/** The data of an answer that must be good. */
export async function good(answer) {
  const { data, error } = await answer
  assert.equal(error, null, JSON.stringify(error))
  return data
}

/** The error of an answer that must be one. */
export async function refused(answer, status, code, message = undefined) {
  const { error } = await answer
  assert.notEqual(error, null)
  assert.deepEqual([error.status, error.code], [status, code], error.message)
  if (message !== undefined) assert.equal(error.message, message)
  return error
}

/** The last letter of a kind to an address, when so many have come. */
export async function letter(to, kind, number = 1) {
  for (let waited = 0; waited < 60_000; waited += 20) {
    const lines = (await readFile(told.CLUB_POST, 'utf8')).split('\n').filter(Boolean).map((line) => JSON.parse(line))
    const found = lines.filter((each) => each.to === to && each.kind === kind)
    if (found.length >= number) return found.at(-1)
    await setTimeout(20)
  }
  throw new Error(`no ${kind} came to ${to}`)
}

/** The code in a text to a phone. */
export async function texted(phone, number = 1) {
  return (await letter(phone, 'text', number)).text.match(/\d{6}/)[0]
}

/** Where a browser is sent that follows a link of the club. */
export async function follow(link) {
  assert.ok(link.startsWith(told.PUBLIC_URL), link)
  const answer = await fetch(url + link.slice(told.PUBLIC_URL.length), { redirect: 'manual' })
  assert.equal(answer.status, 303)
  return new URL(answer.headers.get('location'))
}

/** What the fragment of an address says. */
export function fragment(address) {
  return Object.fromEntries(new URLSearchParams(address.hash.slice(1)))
}

/** The client of somebody who signed up and proved their address. */
export async function member(email, options = {}) {
  const client = visitor(options.auth)
  await good(client.auth.signUp({ email, password, options: { data: options.data } }))
  const { code } = await letter(email, 'confirmation')
  await good(client.auth.verifyOtp({ email, token: code, type: 'signup' }))
  return client
}

/** How many notes a client's user sees; undefined: they are turned away. */
export async function notes(client) {
  const { data, status } = await client.from('notes').select()
  if (status === 401) return undefined
  assert.equal(status, 200)
  return data.length
}
