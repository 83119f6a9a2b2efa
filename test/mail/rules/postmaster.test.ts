import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Domain } from '#lib/mail/accounts/directory.ts'
import { postmasterAddress } from '#lib/mail/rules/postmaster.ts'

const domainOf = (name: string): Domain => ({ name, catchAll: null, postmaster: null, quotaBytes: null, dmarc: 'obey', dkim: [], smarthost: null, srsSecret: '', createdAt: 0 })

async function postmaster(hostname: string, names: readonly string[], named = ''): Promise<string> {
  const directory = { domain: async (name: string) => (names.includes(name) ? domainOf(name) : undefined), listDomains: async () => names.map(domainOf) }
  return await postmasterAddress({ directory, hostname, named })
}

test('postmaster without a domain is the one of the host, of the domain it is in, or of any domain here', async () => {
  assert.equal(await postmaster('mx.one.example', ['a.example', 'mx.one.example', 'one.example']), 'postmaster@mx.one.example')
  assert.equal(await postmaster('mx.one.example', ['a.example', 'one.example']), 'postmaster@one.example')
  assert.equal(await postmaster('laptop', ['a.example', 'b.example']), 'postmaster@a.example')
  assert.equal(await postmaster('laptop', ['a.example'], 'anna@b.example'), 'anna@b.example')
})
