/** `pennypost mailbox export`: what is written, what a second run does, and what happens when things go wrong. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import { openEmbeddedEngine } from '#lib/engine/embedded/open.ts'
import { Directory } from '#lib/mail/accounts/directory.ts'
import { appendMessage } from '#lib/mail/mailbox/append.ts'
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import { changeFlags } from '#lib/mail/mailbox/flags.ts'
import { createMailbox, demandMailbox } from '#lib/mail/mailbox/mailboxes.ts'
import { MailStore } from '#lib/mail/mailbox/store.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import { Program, environment, programFile } from './program.ts'

const program = new Program()
const arrival = Date.UTC(2025, 4, 6, 7, 8, 9)
const ids = new Map<string, string>()
let to = ''

before(async () => {
  to = await mkdtemp(join(tmpdir(), 'pp-export-'))
  assert.equal((await program.run(['domain', 'add', 'example.org'])).code, 0)
  await inStore(async (store, directory) => {
    for (const name of ['anna', 'bert', 'cora']) ids.set(name, (await directory.addUser({ address: `${name}@example.org` })).id)
    const anna = await store.open(ids.get('anna') ?? '')
    await append(anna, 'INBOX', 'Subject: one\r\n\r\nFrom here on.\r\n', ['\\Seen', 'Later'])
    await append(anna, 'INBOX', 'Subject: two\r\n\r\nHello.\r\n')
    await append(anna, 'INBOX', large)
    for (const name of ['Lists/Überraschung', 'Work', 'work']) await createMailbox(anna, { name })
    await append(anna, 'Lists/Überraschung', 'Subject: surprise\r\n\r\n', ['\\Flagged', '$Forwarded'])
    const bert = await store.open(ids.get('bert') ?? '')
    await Promise.all(Array.from({ length: many }, (_, n) => append(bert, 'INBOX', `Subject: ${n}\r\n\r\n${'line\r\n'.repeat(50)}`)))
  })
})
after(async () => {
  program.remove()
  await rm(to, { recursive: true })
})

/** More than is read ahead, so that it passes through in chunks. */
const large = `Subject: large\r\n\r\n${'0123456789'.repeat(7)}\r\n`.padEnd(600_000, 'From a long line, without an end ')
const many = 1500

async function inStore(work: (store: MailStore, directory: Directory) => Promise<void>): Promise<void> {
  const log = makeLog(() => undefined, { now: () => 0 })
  const config = defaultConfig()
  const engine = await openEmbeddedEngine({ directory: join(program.data, 'store'), clock: systemClock, log, settings: config.engine })
  const store = new MailStore({ ...engine, clock: systemClock, log, settings: config.mailbox })
  await work(store, new Directory({ table: engine.table, clock: systemClock, settings: config.accounts }))
  await store.close()
  await engine.close()
}

async function append(account: AccountMail, mailbox: string, text: string, flags: readonly string[] = []): Promise<void> {
  await appendMessage(account, { mailboxId: account.state.mailbox(mailbox)?.id ?? '', flags, content: Buffer.from(text), crlf: true, internalDate: arrival })
}

interface Summary {
  readonly user: string
  readonly directory: string
  readonly mailboxes: readonly { readonly mailbox: string; readonly path: string; readonly messages: number; readonly written: number; readonly there: number; readonly left: number; readonly failed: readonly { readonly uid: number; readonly reason: string }[] }[]
}

const exportTo = (directory: string, ...words: string[]) => program.run(['mailbox', 'export', '--to', join(to, directory), ...words])
const files = (directory: string): string[] => readdirSync(join(to, directory)).sort()
const read = (...path: string[]): string => readFileSync(join(to, ...path), 'utf8')

test('a Maildir for each mailbox, with flags in the names, dates of arrival, and line ends of the disk', async () => {
  const { code, stdout, stderr } = await exportTo('anna', 'anna@example.org')
  assert.deepEqual([code, stderr], [0, ''])
  assert.equal(stdout, `anna@example.org: 4 messages written, 0 were there already; 9 mailboxes in ${join(to, 'anna/anna@example.org')}\n`)
  const inbox = files('anna/anna@example.org/INBOX/cur')
  assert.deepEqual(inbox.map((file) => file.replace(/V\d+/, 'V')), ['1746515289.VU1.pennypost:2,Sa', '1746515289.VU2.pennypost:2,', '1746515289.VU3.pennypost:2,'])
  assert.equal(read('anna/anna@example.org/INBOX/cur', inbox[0] ?? ''), 'Subject: one\n\nFrom here on.\n')
  assert.equal(read('anna/anna@example.org/INBOX/cur', inbox[2] ?? ''), large.replaceAll('\r\n', '\n'))
  assert.equal(read('anna/anna@example.org/INBOX/dovecot-keywords'), '0 Later\n')
  assert.equal(statSync(join(to, 'anna/anna@example.org/INBOX/cur', inbox[0] ?? '')).mtimeMs, arrival)
  assert.match(files('anna/anna@example.org/Lists/Überraschung/cur')[0] ?? '', /:2,FP$/)
  assert.deepEqual(files('anna/anna@example.org').filter((name) => /work/i.test(name)), ['Work', 'work%~2'])
  const page = JSON.parse(read('anna/anna@example.org/mailboxes.json')) as { mailboxes: { name: string; path: string; specialUse: string | null; messages: number; keywords: string[] }[] }
  assert.deepEqual(page.mailboxes.find(({ name }) => name === 'work')?.path, 'work%~2')
  assert.deepEqual(page.mailboxes.filter(({ specialUse }) => specialUse === '\\Sent').map(({ name, messages }) => [name, messages]), [['Sent', 0]])
})

test('said again it writes what is new, renames what has other flags, and tells of what has left', async () => {
  await inStore(async (store) => {
    const anna = await store.open(ids.get('anna') ?? '')
    const mailboxId = demandMailbox(anna.state, anna.state.mailbox('INBOX')?.id ?? '').id
    await changeFlags(anna, { mailboxId, uids: [2], action: 'add', flags: ['\\Answered'] })
    await changeFlags(anna, { mailboxId, uids: [1], action: 'add', flags: ['\\Deleted'] })
    await expungeMessages(anna, { mailboxId, uids: [1] })
    await append(anna, 'INBOX', 'Subject: four\r\n\r\n')
  })
  const { stdout } = await exportTo('anna', 'anna@example.org')
  assert.match(stdout, /: 1 messages written, 3 were there already; .*\n {2}INBOX: 1 messages that have left it since are there as well\.\n$/)
  assert.deepEqual(files('anna/anna@example.org/INBOX/cur').map((file) => file.replace(/^.*U/, '')), ['1.pennypost:2,Sa', '2.pennypost:2,R', '3.pennypost:2,', '4.pennypost:2,'])
})

test('an mbox for each mailbox, replaced when it is whole', async () => {
  for (const time of [1, 2]) {
    const { code, stdout } = await exportTo('mbox', '--format', 'mbox', 'anna@example.org', '--json')
    assert.equal(code, 0)
    const [{ mailboxes, directory } = { mailboxes: [], directory: '' }] = JSON.parse(stdout) as Summary[]
    assert.deepEqual(mailboxes.filter(({ messages }) => messages > 0).map(({ path, messages, written }) => [path, messages, written]), [['INBOX.mbox', 3, 3], ['Lists/Überraschung.mbox', 1, 1]], `run ${time}`)
    assert.deepEqual(readdirSync(directory).filter((name) => name.endsWith('.part')), [])
    const inbox = readFileSync(join(directory, 'INBOX.mbox'), 'utf8')
    assert.equal(inbox.match(/^From MAILER-DAEMON Tue May {2}6 07:08:09 2025$/gm)?.length, 3)
    assert.equal(inbox.match(/^From /gm)?.length, 3)
    assert.match(inbox, /^Subject: two\nStatus: O\nX-Status: A\n\nHello\.\n\nFrom /m)
  }
  assert.match(read('mbox/anna@example.org/Lists/Überraschung.mbox'), /\nX-Status: F\nX-Keywords: \$Forwarded\n/)
})

test('a run that is killed is made good by the next one', async () => {
  const cur = join(to, 'bert/bert@example.org/INBOX/cur')
  const child = spawn(process.execPath, [programFile, 'mailbox', 'export', '--to', join(to, 'bert'), 'bert@example.org'], { env: { ...environment, PENNYPOST_DATA: program.data }, stdio: 'ignore' })
  const ended = new Promise((resolve) => child.once('close', resolve))
  while (child.exitCode === null && (!existsSync(cur) || readdirSync(cur).length < 20)) await sleep(1)
  child.kill('SIGKILL')
  await ended
  const before = existsSync(cur) ? readdirSync(cur).length : 0
  const { stdout } = await exportTo('bert', 'bert@example.org', '--json')
  const [inbox] = (JSON.parse(stdout) as Summary[])[0]?.mailboxes ?? []
  assert.deepEqual([inbox?.there, inbox?.written], [before, many - before])
  const subjects = readdirSync(cur).map((file) => {
    const text = readFileSync(join(cur, file), 'utf8')
    assert.ok(text.endsWith('\n\n' + 'line\n'.repeat(50)), file)
    return Number(/^Subject: (\d+)\n/.exec(text)?.[1])
  })
  assert.deepEqual(subjects.sort((a, b) => a - b), Array.from({ length: many }, (_, n) => n))
})

test('every account has a folder of its own, those without mail too', async () => {
  const { code, stdout } = await exportTo('all', '--all', '--json', '--format', 'mbox')
  assert.equal(code, 0)
  assert.deepEqual((JSON.parse(stdout) as Summary[]).map(({ user, mailboxes }) => [user, mailboxes.reduce((sum, { written }) => sum + written, 0)]), [['anna@example.org', 4], ['bert@example.org', many], ['cora@example.org', 0]])
  assert.deepEqual(files('all'), ['anna@example.org', 'bert@example.org', 'cora@example.org'])
})

test('a message that cannot be read is told of, leaves nothing behind, and the others are there', async () => {
  await inStore(async (store) => {
    const anna = await store.open(ids.get('anna') ?? '')
    const { blobs } = anna.log.deps
    // The large message has a blob of its own.
    for (const { key, sizeBytes } of (await blobs.list(`mail/${anna.accountId}/`)).items) if (sizeBytes > 500_000) await blobs.delete(key)
  })
  for (const format of ['maildir', 'mbox']) {
    const { code, stdout } = await exportTo(`damaged-${format}`, '--format', format, 'anna@example.org')
    assert.equal(code, 1)
    assert.match(stdout, /: 3 messages written, .*\n {2}INBOX, UID 3: cannot be read: .+\n$/)
  }
  assert.deepEqual(files('damaged-maildir/anna@example.org/INBOX/cur').map((file) => file.replace(/^.*U/, '')), ['2.pennypost:2,R', '4.pennypost:2,'])
  assert.deepEqual([...read('damaged-mbox/anna@example.org/INBOX.mbox').matchAll(/^Subject: (.*)$/gm)].map(([, subject]) => subject), ['two', 'four'])
})

test('mistakes are told in a sentence', async () => {
  writeFileSync(join(to, 'a-file'), '')
  const said = await Promise.all([exportTo('x', 'nobody@example.org'), exportTo('x'), program.run(['mailbox', 'export', '--all']), exportTo('a-file/below', '--all'), exportTo('x', '--all', '--format', 'pst')])
  assert.deepEqual(said.map(({ code }) => code), [1, 1, 2, 1, 2])
  const [nobody, noone, nowhere, below, pst] = said.map(({ stderr }) => stderr)
  assert.equal(nobody, 'there is no user nobody@example.org\n')
  assert.equal(noone, 'name one user or more, or say --all\n')
  assert.match(nowhere ?? '', /--to <directory>/)
  assert.match(below ?? '', /^\S+ cannot be written: ENOTDIR: [^\n]+\n$/)
  assert.match(pst ?? '', /maildir, mbox/)
})
