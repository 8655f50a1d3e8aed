// Prints, as JSON, what the client sends that is not simple: what a browser asks for beforehand.
import { signedIn } from './session.mjs'

const requests = []
const spy = async (input, init) => {
  const headers = init.headers instanceof Headers ? Object.fromEntries(init.headers) : init.headers
  requests.push({ method: init.method, url: String(input), headers: Object.keys(headers).map((name) => name.toLowerCase()).sort() })
  return fetch(input, init)
}
const client = signedIn('ada', { global: { fetch: spy } })
await client.from('notes').select('number', { count: 'exact' }).order('number').limit(3)
await client.from('notes').select('*', { count: 'exact', head: true })
await client.from('notes').insert({ number: 80, text: 'x' }).select().single()
await client.from('tags').upsert({ id: 1, name: 'x' })
await client.from('notes').update({ text: 'y' }).eq('number', 80)
await client.from('notes').delete().eq('number', 80)
await client.rpc('add', { a: 1 })
console.log(JSON.stringify(requests))
