/** `pennypost mailbox show` and `restore`, as a person runs them beside a server that goes on. */
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
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import { createMailbox, deleteMailbox } from '#lib/mail/mailbox/mailboxes.ts'
import { moveMessages } from '#lib/mail/mailbox/move.ts'
import { MailStore } from '#lib/mail/mailbox/store.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import { Program } from './program.ts'

const program = new Program()
const log = makeLog(() => undefined, { now: () => 0 })
let engine: Engine
let store: MailStore
let anna: AccountMail
let then = ''

const idOf = (name: string): string => anna.state.mailbox(name)?.id ?? assert.fail(`there is no ${name}`)
const append = (name: string, subject: string, flags: string[] = []) => appendMessage(anna, { mailboxId: idOf(name), flags, internalDate: Date.UTC(2026, 0, 2, 3, 4, 5), content: Buffer.from(`From: Joerg <joerg@remote.example>\r\nSubject: ${subject}\r\n\r\n\r\n`) })
const run = (word: string, ...words: string[]) => program.run(['mailbox', word, ...words])

/** The server's side stays open all the time, as that of a real one. */
before(async () => {
  assert.equal((await program.run(['domain', 'add', 'example.org'])).code, 0)
  const config = defaultConfig()
  engine = await openEmbeddedEngine({ directory: join(program.data, 'store'), clock: systemClock, log, settings: config.engine })
  store = new MailStore({ ...engine, clock: systemClock, log, settings: config.mailbox })
  const directory = new Directory({ table: engine.table, clock: systemClock, settings: config.accounts })
  anna = await store.open((await directory.addUser({ address: 'anna@example.org', quotaBytes: 1000 })).id)
  await createMailbox(anna, { name: 'Lists' })
  for (let n = 1; n <= 3; n++) await append('INBOX', `Gr=C3 =?utf-8?q?=C3=BC?= ${n} \u001b[31m`, n === 2 ? ['\\Seen', 'Work'] : [])
  await append('Lists', 'list')
  await wait()
  then = new Date().toISOString()
  await wait()
  await moveMessages(anna, { from: idOf('INBOX'), to: idOf('Trash'), uids: [1] })
  await expungeMessages(anna, { mailboxId: idOf('INBOX'), uids: [2], regardless: true })
  await deleteMailbox(anna, { name: 'Lists' })
})
after(async () => {
  anna.release()
  await store.close()
  await engine.close()
  program.remove()
})

/** Until the clock has moved on. */
async function wait(): Promise<void> {
  const from = Date.now()
  while (Date.now() <= from) await new Promise((resolve) => setTimeout(resolve, 1))
}

test('show tells what was there, and what is', async () => {
  const past = await run('show', 'anna@example.org', '--as-of', then)
  assert.deepEqual([past.code, past.stderr], [0, ''])
  assert.match(past.stdout, /^MAILBOX +USE +MESSAGES +UNSEEN +UIDNEXT +UIDVALIDITY +SIZE\nINBOX +- +3 +2 +4 [\s\S]*\nLists +- +1 +1 +2 [\s\S]*\nanna@example\.org at .*Z: 4 messages\n$/)
  const now = (await run('show', 'anna@example.org', '--json')).json<{ flagsKnown: boolean; mailboxes: { mailbox: string; messages: number }[] }>()
  assert.deepEqual([now.flagsKnown, now.mailboxes.filter(({ messages }) => messages > 0).map(({ mailbox, messages }) => [mailbox, messages])], [true, [['INBOX', 1], ['Trash', 1]]])
})

test('show lists messages of a mailbox, with nothing in them that would move the cursor', async () => {
  const { stdout } = await run('show', 'anna@example.org', 'inbox', '--as-of', then, '--limit', '2')
  assert.match(stdout, /^UID +DATE +SIZE +FLAGS +FROM +SUBJECT\n2 +2026-01-02 03:04:05Z +\d+ B +\\Seen Work +joerg@remote\.example +Gr=C3 ü 2  \[31m\n3 .*\nThese are the last 2; --limit shows more\.\nanna@example\.org, INBOX at .*: 3 messages\n$/)
  assert.ok(!stdout.includes('\u001b'))
  assert.match((await run('show', 'anna@example.org', 'Nowhere', '--as-of', then)).stderr, /^there was no mailbox Nowhere at /)
  assert.equal((await run('show', 'anna@example.org', '--as-of', '2020-01-01')).stdout, 'anna@example.org had no mailboxes at ' + new Date(2020, 0, 1).toISOString().replace('T', ' ').slice(0, 19) + 'Z\n')
  const wrong = await run('show', 'anna@example.org', '--as-of', 'some day')
  assert.deepEqual([wrong.code, /Times are written like/.test(wrong.stderr)], [2, true])
})

test('restore says first what it would do, does it, and has nothing to do then', async () => {
  const before = anna.state.sequence
  const dry = await run('restore', 'anna@example.org', '--as-of', then, '--dry-run')
  assert.match(dry.stdout, /^MAILBOX +TO RESTORE +INTO\nINBOX +1 +INBOX\nLists +1 +Lists\nanna@example\.org, as of .*: 2 messages \(\d+ B\) would come back, 1 are still where they were\n {2}Not removed but moved: 1 to Trash\.\n$/)
  await anna.refresh()
  assert.equal(anna.state.sequence, before)
  const done = await run('restore', 'anna@example.org', '--as-of', then)
  assert.match(done.stdout, /^MAILBOX +RESTORED +MADE\nINBOX +1 +no\nLists +1 +yes\nanna@example\.org, as of .*: 2 messages restored, 1 are still where they were\n/)
  // The server sees it.
  await anna.refresh()
  const inbox = anna.state.mailbox('INBOX')
  assert.deepEqual([inbox?.uidAt(1), inbox?.flagsAt(1), inbox?.internalDateAt(1)], [4, ['\\Seen', 'Work'], Date.UTC(2026, 0, 2, 3, 4, 5)])
  const again = await run('restore', 'anna@example.org', '--as-of', then)
  assert.match(again.stdout, /^nothing to restore: what anna@example\.org had at .* is there\n.*: 0 messages restored, 3 are still where they were\n/)
})

test('restore brings only what was in one mailbox, into a folder, and refuses what does not fit', async () => {
  await expungeMessages(anna, { mailboxId: idOf('INBOX'), regardless: true })
  await expungeMessages(anna, { mailboxId: idOf('Lists'), regardless: true })
  const some = (await run('restore', 'anna@example.org', '--as-of', then, '--mailbox', 'Lists', '--into', 'Back/Lists', '--json')).json<Record<string, unknown>>()
  assert.deepEqual([some['restored'], some['created'], some['stillThere'], some['lost']], [{ 'Back/Lists': 1 }, ['Back/Lists'], 0, 0])
  await anna.refresh()
  await append('Sent', 'x'.repeat(800))
  const full = await run('restore', 'anna@example.org', '--as-of', then)
  assert.deepEqual([full.code, full.stdout], [1, ''])
  assert.match(full.stderr, /^nothing more is restored: The messages have \d+ octets, and the account has room for \d+\n$/)
  assert.match((await run('restore', 'anna@example.org', '--as-of', then, '--mailbox', 'Nowhere')).stderr, /there was no mailbox Nowhere then/)
})

test('content that is missing is told of, and leaves with 1', async () => {
  for (const { key } of (await engine.blobs.list(`mail/${anna.accountId}/`)).items) await engine.blobs.delete(key)
  const lost = await run('restore', 'anna@example.org', '--as-of', then)
  assert.deepEqual([lost.code, /\n {2}2 cannot be had: their content is missing; "pennypost mailbox check anna@example.org" says more\.\n/.test(lost.stdout)], [1, true], lost.stdout)
})
