import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Account } from '#lib/mail/accounts/account.ts'
import type { Resolution } from '#lib/mail/rules/expand.ts'
import { reachesSomebody } from '#lib/mail/rules/reach.ts'

const account: Account = { id: 'a', address: 'anna@ours.test', domain: 'ours.test', name: 'Anna', disabled: false, quotaBytes: null, createdAt: 0 }
const known: Readonly<Record<string, Resolution>> = {
  'anna@ours.test': { kind: 'account', account, address: 'anna@ours.test' },
  'gone@ours.test': { kind: 'disabled', account: { ...account, disabled: true } },
  'team@ours.test': { kind: 'alias', address: 'team@ours.test', targets: ['nobody@ours.test'] },
  'bert@remote.test': { kind: 'remote' },
  'again@ours.test': { kind: 'loop' },
}

test('an alias is somebody as long as one of its targets is', async () => {
  const asked: string[] = []
  const resolve = async (address: string): Promise<Resolution> => {
    asked.push(address)
    return known[address] ?? { kind: 'unknown' }
  }
  for (const somebody of ['anna@ours.test', 'team@ours.test', 'bert@remote.test']) assert.equal(await reachesSomebody(['nobody@ours.test', somebody], resolve), true, somebody)
  assert.equal(await reachesSomebody(['nobody@ours.test', 'gone@ours.test', 'again@ours.test'], resolve), false)
  assert.equal(await reachesSomebody([], resolve), false)
  asked.length = 0
  await reachesSomebody(['anna@ours.test', 'bert@remote.test'], resolve)
  assert.deepEqual(asked, ['anna@ours.test'])
})
