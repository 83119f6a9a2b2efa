import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Account } from '#lib/mail/accounts/directory.ts'
import { expandRecipient } from '#lib/mail/rules/expand.ts'
import type { Resolution } from '#lib/mail/rules/expand.ts'

const account = (name: string, disabled = false): Account => ({ id: name, address: `${name}@o.example`, domain: 'o.example', disabled, quotaBytes: null, createdAt: 0 })

/** `users` are accounts, everything of `aliases` leads on, other addresses at o.example are unknown. */
async function expand(recipient: string, aliases: Readonly<Record<string, readonly string[]>>, limits = { depth: 10, targets: 1000 }) {
  const resolve = async (address: string): Promise<Resolution> => {
    const folded = address.toLowerCase()
    const targets = aliases[folded]
    if (targets !== undefined) return { kind: 'alias', address: folded, targets }
    if (!folded.endsWith('@o.example')) return { kind: 'remote' }
    const [name = ''] = folded.split('@')
    if (name.startsWith('off')) return { kind: 'disabled', account: account(name, true) }
    const [user = '', detail] = name.split('+')
    return user.startsWith('user') ? { kind: 'account', account: account(user), address: `${user}@o.example`, ...(detail === undefined ? {} : { detail }) } : { kind: 'unknown' }
  }
  const { accounts, remotes, refusals, aliases: gone } = await expandRecipient(recipient, resolve, limits)
  return { accounts: accounts.map(({ address }) => address), remotes: remotes.map(({ address, alias }) => `${address} by ${alias ?? 'itself'}`), refusals: refusals.map(({ address, enhancedCode }) => `${address} ${enhancedCode}`), aliases: gone }
}

test('an account, an alias, an alias of an alias, each target once', async () => {
  assert.deepEqual(await expand('user1@o.example', {}), { accounts: ['user1@o.example'], remotes: [], refusals: [], aliases: [] })
  const aliases = { 'a@o.example': ['b@o.example', 'user1@o.example', 'x@far.example'], 'b@o.example': ['USER1@o.example', 'X@far.example', 'x@FAR.example', 'user2@o.example'] }
  assert.deepEqual(await expand('A@o.example', aliases), {
    accounts: ['user1@o.example', 'user2@o.example'],
    // Remote local parts may differ by case.
    remotes: ['x@far.example by a@o.example', 'X@far.example by b@o.example'],
    refusals: [],
    aliases: ['a@o.example', 'b@o.example'],
  })
})

test('a remote recipient is its own target', async () => {
  assert.deepEqual((await expand('x@far.example', {})).remotes, ['x@far.example by itself'])
})

test('a detail stays in the address it came with', async () => {
  assert.deepEqual((await expand('user1+Shop@o.example', {})).accounts, ['user1+Shop@o.example'])
})

test('a branch that leads nowhere is refused alone', async () => {
  assert.deepEqual(await expand('a@o.example', { 'a@o.example': ['user1@o.example', 'gone@o.example', 'off@o.example'] }), { accounts: ['user1@o.example'], remotes: [], refusals: ['gone@o.example 5.1.1', 'off@o.example 5.2.1'], aliases: ['a@o.example'] })
})

test('aliases that lead back to themselves are walked once', async () => {
  assert.deepEqual((await expand('a@o.example', { 'a@o.example': ['b@o.example'], 'b@o.example': ['a@o.example'] })).refusals, ['a@o.example 5.4.6'])
  const one = await expand('a@o.example', { 'a@o.example': ['a@o.example', 'user1@o.example'] })
  assert.deepEqual([one.accounts, one.refusals], [['user1@o.example'], []])
})

test('depth and number of targets are bounded', async () => {
  const chain = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`a${i}@o.example`, [`a${i + 1}@o.example`]]))
  const last = { ...chain, 'a12@o.example': ['user1@o.example'] }
  assert.deepEqual((await expand('a0@o.example', last)).refusals, ['a0@o.example 5.4.6'])
  assert.deepEqual((await expand('a3@o.example', last)).accounts, ['user1@o.example'])
  const wide = await expand('a@o.example', { 'a@o.example': Array.from({ length: 50 }, (_, i) => `user${i}@o.example`) }, { depth: 10, targets: 20 })
  assert.deepEqual([wide.accounts.length, wide.refusals], [20, ['a@o.example 5.4.6']])
})
