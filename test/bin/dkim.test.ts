/** `pennypost dkim`: keys are changed as a person does it, against a DNS that learns of them. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { startFakeDns, txtData, types } from '../base/fakeDns.ts'
import type { FakeAnswer, FakeDns } from '../base/fakeDns.ts'
import { Program } from './program.ts'

interface Facts {
  readonly keys: readonly { readonly selector: string; readonly does: string; readonly record: { readonly name: string; readonly value: string } }[]
}

describe('dkim', () => {
  const program = new Program()
  const zone: Record<string, FakeAnswer> = {}
  let dns: FakeDns
  const run = (...parameters: string[]) => program.run(['dkim', ...parameters, '--set', `dns.servers=127.0.0.1:${dns.port}`])

  before(async () => {
    dns = await startFakeDns(zone)
    assert.equal((await program.run(['domain', 'add', 'example.com'])).code, 0)
  })
  after(() => {
    dns.close()
    program.remove()
  })

  it('add shows the records of the new keys, and what to say then', async () => {
    const { code, stdout } = await run('add', 'example.com')
    assert.equal(code, 0)
    assert.match(stdout, /^rsa\d{6}b\._domainkey\.example\.com\. +TXT +v=DKIM1; k=rsa; p=[A-Za-z0-9+/=]{300,}$/m)
    assert.match(stdout, /\nThen: pennypost dkim use example\.com\n$/)
    assert.match((await run('list', 'example.com')).stdout, /^SELECTOR +ALGORITHM +DOES +SINCE\nrsa\d{6} +rsa +signs .*\ned25519\d{6} +ed25519 +signs .*\nrsa\d{6}b +rsa +waits /)
    assert.match((await program.run(['domain', 'show', 'example.com'])).stdout, /^DKIM keys .*rsa\d{6}b \(rsa, waits\)/m)
  })

  it('use waits for the records to be seen', async () => {
    const early = await run('use', 'example.com')
    assert.equal(early.code, 1)
    assert.match(early.stderr, /^the DNS does not say yet what it must under rsa\d{6}b\._domainkey\.example\.com: [^\n]+\n$/)
    const [, , waiting] = (await run('list', 'example.com', '--json')).json<Facts>().keys
    zone[`${waiting?.record.name} ${types.txt}`] = { rcode: 2 }
    assert.match((await run('use', 'example.com')).stderr, /^the DNS does not answer for rsa\d{6}b\._domainkey\.example\.com \([^)]+\): say this again later; [^\n]+\n$/)
    for (const { does, record } of (await run('list', 'example.com', '--json')).json<Facts>().keys)
      // As some DNS editors store it: in pieces, with another space.
      if (does === 'waits') zone[`${record.name} ${types.txt}`] = { records: [{ type: types.txt, ttl: 60, data: txtData(...(record.value.replace('; p', ';  p').match(/.{1,200}/g) ?? [])) }] }
    const { code, stdout, stderr } = await run('use', 'example.com')
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, /sign from now on; .* pennypost dkim remove example\.com\n$/)
    assert.deepEqual((await run('list', 'example.com', '--json')).json<Facts>().keys.map(({ does }) => does), ['rests', 'rests', 'signs', 'signs'])
  })

  it('remove takes away what rests', async () => {
    assert.match((await run('remove', 'example.com')).stdout, /^example\.com has these keys now: rsa\d{6}b, ed25519\d{6}b\n$/)
    const again = await run('remove', 'example.com')
    assert.deepEqual([again.code, again.stderr], [1, 'example.com has no keys that rest\n'])
  })

  it('what is not there is told in a sentence', async () => {
    for (const [words, sentence] of [[['use', 'example.com'], 'example.com has no keys that wait: make them first\n'], [['list', 'other.example'], 'other.example is not a domain here\n'], [['add', 'other.example'], 'other.example is not a domain here: add it first\n']] as const) {
      const { code, stderr } = await run(...words)
      assert.deepEqual([code, stderr], [1, sentence])
    }
  })
})
