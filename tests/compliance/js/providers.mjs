// What docs/how-to/clients.md shows: how each client is told of Backstay.
import { createClient } from '@supabase/supabase-js'
import { dataProvider } from '@refinedev/supabase'
import { supabaseDataProvider } from 'ra-supabase-core'
import { fetchUtils } from 'ra-core'
import raDataPostgrest from '@raphiniert/ra-data-postgrest'

// A bundler finds the function itself, node the module around it.
const postgrestRestProvider = raDataPostgrest.default

export function reactAdmin(url, key, token) {
  const httpClient = (address, options = {}) => {
    const headers = new Headers(options.headers)
    headers.set('apikey', key)
    headers.set('Authorization', `Bearer ${token}`)
    return fetchUtils.fetchJson(address, { ...options, headers })
  }
  return postgrestRestProvider({
    apiUrl: `${url}/rest/v1`,
    httpClient,
    defaultListOp: 'eq',
    primaryKeys: new Map([['note_tags', ['note_id', 'tag_id']]]),
    schema: () => '',
  })
}

export function reactAdminOnSupabase(url, key, client) {
  return supabaseDataProvider({ instanceUrl: url, apiKey: key, supabaseClient: client })
}

export function refine(url, key, token) {
  return dataProvider(createClient(url, key, { accessToken: async () => token }))
}

export function vue(usePostgrest, url, token) {
  return usePostgrest(`${url}/rest/v1/`, token)
}
