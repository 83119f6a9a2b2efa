/** `pennypost rebuild`: what it refuses, and what it brings back. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import { openEmbeddedEngine } from '#lib/engine/embedded/open.ts'
import type { Engine } from '#lib/engine/ports.ts'
import { Directory } from '#lib/mail/accounts/directory.ts'
import { appendMessage } from '#lib/mail/mailbox/append.ts'
import { partitionOf } from '#lib/mail/mailbox/logKeys.ts'
import { MailStore } from '#lib/mail/mailbox/store.ts'
import { Program } from './program.ts'

const program = new Program()
const ids = new Map<string, string>()
const run = (...words: string[]) => program.run(['rebuild', ...words])
const idOf = (name: string): string => ids.get(name) ?? ''

async function inEngine(work: (engine: Engine) => Promise<void>): Promise<void> {
  const engine = await openEmbeddedEngine({ directory: join(program.data, 'store'), clock: systemClock, log, settings: defaultConfig().engine })
  await work(engine).finally(() => engine.close())
}

const log = makeLog(() => undefined, { now: () => 0 })

before(async () => {
  assert.equal((await program.run(['domain', 'add', 'example.org'])).code, 0)
  await inEngine(async (engine) => {
    const config = defaultConfig()
    const store = new MailStore({ ...engine, clock: systemClock, log, settings: config.mailbox })
    const directory = new Directory({ table: engine.table, clock: systemClock, settings: config.accounts })
    for (const name of ['anna', 'bert', 'gone']) {
      ids.set(name, (await directory.addUser({ address: `${name}@example.org` })).id)
      const account = await store.open(idOf(name))
      for (const mailbox of ['INBOX', 'INBOX', 'Sent']) await appendMessage(account, { mailboxId: account.state.mailbox(mailbox)?.id ?? '', flags: ['\\Seen'], content: Buffer.from(`Subject: ${name}\r\n\r\n`) })
    }
    await directory.removeUser('gone@example.org', { force: true })
    await store.close()
  })
})
after(() => program.remove())

async function loseLog(name: string): Promise<void> {
  await inEngine(async ({ table }) => {
    const partition = partitionOf(idOf(name))
    const { items } = await table.range({ partition })
    await table.commit(items.map(({ sort }) => ({ delete: { partition, sort } })))
  })
}

test('a log that is there is never thrown away without two words', async () => {
  const entries = (await program.run(['mailbox', 'check', 'anna@example.org'])).stdout
  const refused = [
    [['anna@example.org'], /^say --from-blobs: /],
    [['--from-blobs'], /^name one user or more, or say --all\n$/],
    [['anna@example.org', '--from-blobs'], /^nothing was changed: anna@example\.org has a log of 4 entries; .* --force throws it away\n$/],
    [['anna@example.org', '--from-blobs', '--force'], /^nothing was changed: run this on a terminal to be asked, or add --yes\n$/],
    [['nobody@example.org', '--from-blobs'], /^there is no user nobody@example\.org: /],
    [['0000', '--from-blobs'], /^there are no blobs of an account 0000\n$/],
  ] as const
  const ran = await Promise.all(refused.map(([words]) => run(...words)))
  for (const [at, [words, sentence]] of refused.entries()) {
    assert.equal(ran[at]?.code, 1, words.join(' '))
    assert.match(ran[at]?.stderr ?? '', sentence)
  }
  assert.equal((await program.run(['mailbox', 'check', 'anna@example.org'])).stdout, entries)
})

test('lost logs are made anew, whole ones stay, and who has no user is told how to get one', async () => {
  await loseLog('bert')
  await loseLog('gone')
  const all = await run('--all', '--from-blobs')
  assert.deepEqual([all.code, all.stderr], [0, ''])
  assert.match(all.stdout, /anna@example\.org: has a log of 4 entries, and is left as it is\n/)
  assert.match(all.stdout, /bert@example\.org: 3 messages, made anew from blobs \(.*Z\)\n {2}INBOX: 2\n {2}Sent: 1\n {2}Not known any more: flags /)
  const hint = `Nobody can read it yet: pennypost user add ADDRESS --account ${idOf('gone')}\n`
  assert.ok(all.stdout.includes(hint), all.stdout)
  assert.equal((await program.run(['user', 'add', 'new@example.org', '--account', idOf('gone'), '--no-password'])).code, 0)
  const listed = (await program.run(['mailbox', 'list', '--json'])).json<{ user: string; messages: number; unseen: number }[]>()
  assert.deepEqual(listed.map(({ user, messages, unseen }) => [user, messages, unseen]), [['anna@example.org', 3, 0], ['bert@example.org', 3, 3], ['new@example.org', 3, 3]])
  assert.equal((await program.run(['mailbox', 'check', '--all'])).code, 0)
})

test('with force and yes a log goes, and a program reads what was done', async () => {
  const [done] = (await run('anna@example.org', '--from-blobs', '--force', '--yes', '--json')).json<Record<string, unknown>[]>()
  assert.deepEqual([done?.['user'], done?.['account'], done?.['rebuilt'], done?.['mailboxes'], done?.['unreadable']], ['anna@example.org', idOf('anna'), true, { INBOX: 2, Sent: 1 }, []])
  await inEngine(async ({ blobs }) => {
    const { items } = await blobs.list(`mail/${idOf('anna')}/`)
    await blobs.put(`mail/${idOf('anna')}/zz`, Buffer.from('whose?'))
    await blobs.delete(items[0]?.key ?? '')
  })
  const again = await run(idOf('anna'), '--from-blobs', '--force', '--yes')
  assert.equal(again.code, 1)
  assert.match(again.stdout, /^anna@example\.org: 2 messages, .*\n[\s\S]*\n {2}The blob mail\/\w+\/zz is of the unknown kind \(none\)\.\n/)
})
