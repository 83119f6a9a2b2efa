import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { DkimKey } from '#lib/mail/accounts/directory.ts'
import { Directory } from '#lib/mail/accounts/directory.ts'
import { DirectoryRefusal } from '#lib/mail/accounts/refusal.ts'
import { makeSign } from '#lib/mail/outbound/sign.ts'
import { openStage } from './stage.ts'

const stage = await openStage()
const directory = new Directory({ table: stage.engine.table, clock: stage.clock, settings: stage.settings })
after(() => stage.close())

const domain = 'keys.example'
const lives = (dkim: readonly DkimKey[]): string[] => dkim.map(({ selector, use = 'signs' }) => `${selector} ${use}`)
const refused = (code: string, words: RegExp) => (error: unknown) => error instanceof DirectoryRefusal && error.code === code && words.test(error.message)
const signers = async (): Promise<string[]> => {
  const found = await directory.domain(domain)
  const fields = await makeSign()(found ?? assert.fail(), { fields: [{ name: 'From', value: ' a@keys.example' }], bodyHash: 'x', at: stage.clock.now() })
  return [...fields.matchAll(/s=([a-z0-9]+);/g)].map(([, selector = '']) => selector)
}

test('new keys wait, then sign, while those before rest until they are removed', async () => {
  await directory.addDomain({ name: domain })
  await assert.rejects(directory.useDkimKeys(domain), refused('missing', /no keys that wait/))
  await assert.rejects(directory.removeDkimKeys(domain, []), refused('missing', /no keys that rest/))
  assert.deepEqual(lives((await directory.addDkimKeys(domain)).dkim), ['rsa202611 signs', 'ed25519202611 signs', 'rsa202611b waits', 'ed25519202611b waits'])
  assert.deepEqual(await signers(), ['rsa202611', 'ed25519202611'])
  await assert.rejects(directory.addDkimKeys(domain), refused('exists', /rsa202611b and ed25519202611b of keys\.example wait already/))
  assert.equal((await directory.dnsRecords(domain, 'mail.keys.example')).filter(({ name }) => name.includes('_domainkey')).length, 4)
  assert.deepEqual(lives((await directory.useDkimKeys(domain)).dkim), ['rsa202611 rests', 'ed25519202611 rests', 'rsa202611b signs', 'ed25519202611b signs'])
  assert.deepEqual(await signers(), ['rsa202611b', 'ed25519202611b'])
  await assert.rejects(directory.removeDkimKeys(domain, ['rsa202611b']), refused('in-use', /rsa202611b signs/))
  await assert.rejects(directory.removeDkimKeys(domain, ['other']), refused('missing', /no key other/))
  assert.deepEqual(lives((await directory.removeDkimKeys(domain, [])).dkim), ['rsa202611b signs', 'ed25519202611b signs'])
})

test('the selector of a key that has signed and was removed is given to no other key', async () => {
  assert.deepEqual(lives((await directory.addDkimKeys(domain)).dkim), ['rsa202611b signs', 'ed25519202611b signs', 'rsa202611c waits', 'ed25519202611c waits'])
  await directory.removeDkimKeys(domain, ['rsa202611c', 'ed25519202611c'])
})

test('keys that wait can be removed by name, and those of another month bear its name', async () => {
  stage.clock.at += 40 * 24 * 3600 * 1000
  assert.deepEqual(lives((await directory.addDkimKeys(domain)).dkim).slice(2), ['rsa202701 waits', 'ed25519202701 waits'])
  assert.deepEqual(lives((await directory.removeDkimKeys(domain, ['rsa202701', 'ed25519202701'])).dkim), ['rsa202611b signs', 'ed25519202611b signs'])
})
