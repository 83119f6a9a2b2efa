/** `pennypost mailbox`, as a person runs it on a data directory. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import { openEmbeddedEngine } from '#lib/engine/embedded/open.ts'
import type { Engine } from '#lib/engine/ports.ts'
import { Directory } from '#lib/mail/accounts/directory.ts'
import { appendMessage } from '#lib/mail/mailbox/append.ts'
import { changeFlags } from '#lib/mail/mailbox/flags.ts'
import { searchMessages } from '#lib/mail/mailbox/search.ts'
import { MailStore } from '#lib/mail/mailbox/store.ts'

const command = fileURLToPath(new URL('../../bin/pennypost.ts', import.meta.url))
let data = ''
let annaId = ''

before(async () => {
  data = await mkdtemp(join(tmpdir(), 'pennypost-mailbox-'))
  await inEngine(async (engine) => {
    const config = defaultConfig()
    const directory = new Directory({ table: engine.table, clock: systemClock, settings: config.accounts, makeDkimKeys: async () => [] })
    await directory.addDomain({ name: 'example.org' })
    annaId = (await directory.addUser({ address: 'anna@example.org', quotaBytes: 1536 * 1024 })).id
    await directory.addUser({ address: 'bert@example.org' })
    const store = new MailStore({ ...engine, clock: systemClock, log: silent, settings: config.mailbox })
    const account = await store.open(annaId)
    const inbox = account.state.mailbox('INBOX')?.id ?? ''
    for (let n = 1; n <= 3; n++) await appendMessage(account, { mailboxId: inbox, flags: [], content: Buffer.from(`Subject: ${n}\r\n\r\nmessage ${n}\r\n`), crlf: true })
    await changeFlags(account, { mailboxId: inbox, uids: [2], action: 'add', flags: ['\\Seen'] })
    await store.close()
  })
})
after(() => rm(data, { recursive: true }))

const silent = makeLog(() => undefined, { now: () => 0 })

async function inEngine(work: (engine: Engine) => Promise<void>): Promise<void> {
  const engine = await openEmbeddedEngine({ directory: join(data, 'store'), clock: systemClock, log: silent, settings: defaultConfig().engine })
  await work(engine).finally(() => engine.close())
}

function run(word: string, ...words: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [command, 'mailbox', word, '--data', data, ...words], (error, out, err) => resolve({ code: error === null ? 0 : Number(error.code), out, err }))
  })
}

test('list shows accounts, and the mailboxes of one', async () => {
  const all = await run('list')
  assert.deepEqual(all, {
    code: 0,
    err: '',
    out: [
      'USER              MAILBOXES  MESSAGES  UNSEEN  SIZE  QUOTA      USED',
      'anna@example.org  6          3         2       75 B  1.5 MB     0 %',
      'bert@example.org  0          0         0       0 B   unlimited  -',
      '',
    ].join('\n'),
  })
  const one = await run('list', 'Anna@example.org')
  assert.match(one.out, /^MAILBOX +USE +MESSAGES +UNSEEN +UIDNEXT +UIDVALIDITY +OCTETS\nINBOX +- +3 +2 +4 +\d+ +75 B\nDrafts +\\Drafts +0 /)
  assert.match(one.out, /anna@example.org: 3 messages, 2 unseen, 75 B of 1.5 MB\n$/)
  const json = JSON.parse((await run('list', '--json')).out) as { user: string; messages: number; octets: number; quota: number | null; mailboxes: unknown[] }[]
  assert.deepEqual(json.map(({ user, messages, octets, quota, mailboxes }) => [user, messages, octets, quota, mailboxes.length]), [['anna@example.org', 3, 75, 1_572_864, 6], ['bert@example.org', 0, 0, null, 0]])
  assert.deepEqual(await run('list', 'nobody@example.org'), { code: 1, out: '', err: 'there is no user nobody@example.org\n' })
})

test('reindex throws the search index away', async () => {
  await inEngine(async (engine) => {
    const store = new MailStore({ ...engine, clock: systemClock, log: silent, settings: { ...defaultConfig().mailbox, searchDirectly: 0, indexBatchMessages: 1 } })
    const account = await store.open(annaId)
    await searchMessages(account, { mailboxId: account.state.mailbox('INBOX')?.id ?? '', key: { kind: 'text', text: 'x' }, now: 0 })
    await store.close()
    assert.notEqual((await engine.blobs.list(`index/${annaId}/`)).items.length, 0)
  })
  const done = await run('reindex', 'anna@example.org')
  assert.deepEqual([done.code, done.err], [0, ''])
  assert.match(done.out, /^anna@example\.org: [1-9]\d* pieces of the index are gone\n$/)
  await inEngine(async (engine) => assert.deepEqual((await engine.blobs.list(`index/${annaId}/`)).items, []))
  assert.equal((await run('reindex', 'anna@example.org')).out, 'anna@example.org had no index\n')
  const unknown = await run('reindex', 'nobody@example.org')
  assert.equal(unknown.code, 1)
  assert.match(unknown.err, /there is no user nobody@example\.org/)
})

test('check says that all is well, or what is wrong and leaves with 1', async () => {
  assert.deepEqual(await run('check'), { code: 1, out: '', err: 'name one user or more, or say --all\n' })
  assert.deepEqual(await run('check', '--all'), { code: 0, err: '', out: 'anna@example.org: all is well (5 log entries, 3 messages, 3 contents read)\nbert@example.org: all is well (0 log entries, 0 messages, 0 contents read)\n' })
  await inEngine(async ({ blobs }) => {
    const { items } = await blobs.list(`mail/${annaId}/`)
    await blobs.delete(items[1]?.key ?? '')
  })
  const damaged = await run('check', 'anna@example.org', 'bert@example.org')
  assert.equal(damaged.code, 1)
  assert.match(damaged.out, /^anna@example.org: 1 found wrong \(.*\)\n {2}The content of INBOX UID 2, filed by entry 3, \(blob mail\/\w+\/\w+\) is missing\.\nbert@example.org: all is well /)
  const json = await run('check', '--all', '--json')
  assert.equal(json.code, 1)
  assert.deepEqual((JSON.parse(json.out) as { user: string; problems: { kind: string }[] }[]).map(({ user, problems }) => [user, problems.map(({ kind }) => kind)]), [['anna@example.org', ['content']], ['bert@example.org', []]])
})

test('share gives rights, adds to them and takes them, shares lists them, unshare ends it', async () => {
  assert.deepEqual(await run('share', 'anna@example.org', 'INBOX', 'bert@example.org', 'read'), { code: 0, out: 'anna@example.org shares INBOX with bert@example.org: lrs\n', err: '' })
  assert.equal((await run('share', 'anna@example.org', 'INBOX', 'bert', '+w')).out, 'anna@example.org shares INBOX with bert: lrsw\n')
  assert.equal((await run('share', 'anna@example.org', 'Archive', 'anyone', 'lr')).code, 0)
  assert.equal((await run('share', '--', 'anna@example.org', 'Archive', '-bert', 'r')).code, 0)
  assert.deepEqual(await run('shares', 'anna@example.org'), {
    code: 0,
    err: '',
    out: [
      'OWNER             MAILBOX  WITH               RIGHTS',
      'anna@example.org  INBOX    bert@example.org   lrsw',
      'anna@example.org  Archive  anyone             lr',
      'anna@example.org  Archive  -bert@example.org  r',
      '',
    ].join('\n'),
  })
  assert.equal((await run('unshare', 'anna@example.org', 'INBOX', 'bert@example.org')).out, 'anna@example.org shares INBOX no longer with bert@example.org\n')
  assert.equal((await run('unshare', 'anna@example.org', 'Archive', 'anyone')).code, 0)
  assert.deepEqual(JSON.parse((await run('shares', '--json')).out), [{ owner: 'anna@example.org', mailbox: 'Archive', with: '-bert@example.org', rights: 'r' }])
})

test('share refuses users, mailboxes and rights that are not there, and the owner', async () => {
  const refusals: readonly (readonly [words: string[], sentence: RegExp])[] = [
    [['zoe@example.org', 'INBOX', 'bert', 'read'], /there is no user zoe@example.org/],
    [['anna@example.org', 'Nothing', 'bert', 'read'], /there is no mailbox Nothing/],
    [['anna@example.org', 'INBOX', 'zoe', 'read'], /there is no user zoe/],
    [['anna@example.org', 'INBOX', 'bert', 'look'], /"look" are no rights: There is no right o/],
    [['anna@example.org', 'INBOX', 'anna', 'read'], /the owner has every right/],
  ]
  for (const [words, sentence] of refusals) {
    const { code, err } = await run('share', ...words)
    assert.equal(code, 1, words.join(' '))
    assert.match(err, sentence)
  }
})
