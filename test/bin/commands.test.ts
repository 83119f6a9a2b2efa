import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { Program } from './program.ts'
import type { Ran } from './program.ts'

const password = 'correct horse battery staple'

function assertOk(ran: Ran): Ran {
  assert.equal(ran.code, 0, ran.stderr || ran.stdout)
  assert.equal(ran.stderr, '')
  return ran
}

/** An expected refusal: code 1, one sentence, nothing on standard output. */
function assertRefused(ran: Ran, sentence: RegExp): void {
  assert.match(ran.stderr, sentence)
  assert.equal(ran.stderr.trimEnd().split('\n').length, 1, ran.stderr)
  assert.equal(ran.stdout, '')
  assert.equal(ran.code, 1)
}

/** A mistake in the command itself. */
function assertMisused(ran: Ran, sentence: RegExp): void {
  assert.match(ran.stderr, sentence)
  assert.equal(ran.code, 2)
}

describe('domain', () => {
  const program = new Program()
  before(async () => void assertOk(await program.run(['domain', 'add', 'Example.COM', '--quota', '10 GiB', '--dmarc', 'mark', '--junk-score', '4.5', '--catch-all', 'box'])))
  after(() => program.remove())

  it('add keeps what the options say, and show --json tells it without a secret', async () => {
    const shown = assertOk(await program.run(['domain', 'show', 'example.com', '--hostname', 'mail.example.com', '--json']))
    const { dnsRecords, createdAt, dkim, ...facts } = shown.json<{ dnsRecords: { type: string; name: string; value: string }[]; createdAt: number; dkim: { algorithm: string }[] }>()
    assert.deepEqual(facts, { name: 'example.com', users: 0, aliases: 0, usedBytes: 0, quotaBytes: 10 * 1024 ** 3, catchAll: 'box@example.com', postmaster: null, dmarc: 'mark', junkScore: 4.5, refuseScore: null, smarthost: null })
    assert.ok(createdAt <= Date.now() && createdAt > Date.now() - 60_000)
    assert.deepEqual(dkim.map(({ algorithm }) => algorithm).sort(), ['ed25519', 'rsa'])
    assert.ok(dnsRecords.some(({ type, name, value }) => type === 'MX' && name === 'example.com' && value === '10 mail.example.com.'))
    assert.equal(dnsRecords.filter(({ name, value }) => name.endsWith('._domainkey.example.com') && value.includes('v=DKIM1')).length, 2)
    assert.doesNotMatch(shown.stdout, /PRIVATE|srsSecret/)
  })

  it('show prints every record as a zone file has it', async () => {
    const { stdout } = assertOk(await program.run(['domain', 'show', 'example.com', '--hostname', 'mail.example.com']))
    assert.match(stdout, /^example\.com\. +MX +10 mail\.example\.com\.$/m)
    assert.match(stdout, /^_dmarc\.example\.com\. +TXT +"v=DMARC1;/m)
    assert.match(stdout, /^catch-all +box@example\.com$/m)
  })

  it('add refuses a domain that is there, and a name that is none', async () => {
    const [twice, nonsense] = await Promise.all([program.run(['domain', 'add', 'example.com']), program.run(['domain', 'add', 'not a domain'])])
    assertRefused(twice, /^example\.com is a domain here already/)
    assertRefused(nonsense, /is not a domain name/)
  })

  it('set changes what is named and takes back with none and default', async () => {
    assertOk(await program.run(['domain', 'set', 'example.com', '--catch-all', 'none', '--quota', 'default', '--junk-score', 'default', '--refuse-score', '12']))
    const facts = assertOk(await program.run(['domain', 'list', '--json'])).json<Record<string, unknown>[]>()
    assert.equal(facts.length, 1)
    assert.deepEqual([facts[0]?.['catchAll'], facts[0]?.['quotaBytes'], facts[0]?.['junkScore'], facts[0]?.['refuseScore'], facts[0]?.['dmarc']], [null, null, null, 12, 'mark'])
    assertRefused(await program.run(['domain', 'set', 'example.com']), /nothing to change/)
  })

  it('a smarthost takes its password from standard input, and nothing prints it', async () => {
    const secret = 'smarthost-secret-7'
    const set = assertOk(await program.run(['domain', 'set', 'example.com', '--smarthost', 'smtp.example.net:465', '--smarthost-user', 'we', '--password-stdin', '--json'], { input: `${secret}\n` }))
    assert.deepEqual(set.json<{ smarthost: unknown }>().smarthost, { host: 'smtp.example.net', port: 465, tls: 'implicit', login: 'we' })
    const [shown, listed] = await Promise.all([program.run(['domain', 'show', 'example.com']), program.run(['domain', 'list'])])
    assert.match(shown.stdout, /^smarthost +smtp\.example\.net:465 \(TLS implicit, as we\)$/m)
    for (const ran of [set, shown, listed]) assert.ok(!(ran.stdout + ran.stderr).includes(secret))
    assertRefused(await program.run(['domain', 'set', 'example.com', '--smarthost', 'smtp.example.net:587', '--smarthost-user', 'we']), /--password-stdin/)
    assertRefused(await program.run(['domain', 'set', 'example.com', '--smarthost-user', 'we']), /need --smarthost/)
    assertMisused(await program.run(['domain', 'set', 'example.com', '--smarthost', 'smtp.example.net']), /HOST:PORT/)
  })

  it('remove asks, refuses while somebody lives there, and obeys --force', async () => {
    assertOk(await program.run(['domain', 'add', 'other.test']))
    assertOk(await program.run(['alias', 'add', 'x@other.test', 'y@example.org']))
    assertRefused(await program.run(['domain', 'remove', 'other.test']), /--yes/)
    assertRefused(await program.run(['domain', 'remove', 'other.test', '--yes']), /x@other\.test/)
    assertOk(await program.run(['domain', 'remove', 'other.test', '--yes', '--force']))
    assertRefused(await program.run(['domain', 'show', 'other.test']), /other\.test is not a domain here/)
  })
})

describe('user, alias and app-password', () => {
  const program = new Program()
  before(async () => void assertOk(await program.run(['domain', 'add', 'example.com'])))
  after(() => program.remove())
  const addUser = (address: string, ...more: string[]): Promise<Ran> => program.run(['user', 'add', address, '--password-stdin', ...more], { input: `${password}\n` })

  it('add makes a user with mailboxes, a name and a quota', async () => {
    assertOk(await addUser('Ann@Example.com', '--quota', '20KiB', '--name', 'Ann Example'))
    const { id, createdAt, ...facts } = assertOk(await program.run(['user', 'show', 'ann@example.com', '--json'])).json<{ id: string; createdAt: number }>()
    assert.deepEqual(facts, { address: 'ann@example.com', domain: 'example.com', disabled: false, quotaBytes: 20_480, name: 'Ann Example', aliases: [], appPasswords: 0, lockedUntil: null, messages: 0, usedBytes: 0 })
    assert.deepEqual(assertOk(await program.run(['user', 'unlock', 'ann@example.com', '--json'])).json(), { address: 'ann@example.com', unlocked: false })
    assert.match(id, /^a[0-9a-f]{20}$/)
    assert.ok(createdAt > 0)
    const mailboxes = assertOk(await program.run(['mailbox', 'list', 'ann@example.com', '--json'])).json<{ mailboxes: { mailbox: string }[] }[]>()
    assert.deepEqual(mailboxes[0]?.mailboxes.map(({ mailbox }) => mailbox).sort(), ['Archive', 'Drafts', 'INBOX', 'Junk', 'Sent', 'Trash'])
  })

  it('add refuses what cannot be before it wants a password', async () => {
    const refusals = await Promise.all([program.run(['user', 'add', 'ann@example.com']), program.run(['user', 'add', 'ann@nowhere.test']), program.run(['user', 'add', 'bob@example.com'])])
    assertRefused(refusals[0], /ann@example\.com is a user already/)
    assertRefused(refusals[1], /nowhere\.test is not a domain here/)
    assertRefused(refusals[2], /--password-stdin/)
    assertRefused(await program.run(['user', 'add', 'bob@example.com', '--password-stdin'], { input: 'short\n' }), /8 characters/)
    assertRefused(await program.run(['user', 'add', 'bob@example.com', '--password-stdin'], { input: '\n' }), /password is empty/)
  })

  it('a password is never an argument', async () => {
    assertMisused(await program.run(['user', 'add', 'bob@example.com', '--password', 'secret-word']), /unknown option '--password'|too many arguments/)
    assertMisused(await program.run(['user', 'password', 'ann@example.com', 'secret-word']), /too many arguments/)
  })

  it('a password lies in no file in clear', async () => {
    const store = join(program.data, 'store')
    for (const entry of readdirSync(store, { withFileTypes: true })) if (entry.isFile()) assert.ok(!readFileSync(join(store, entry.name)).includes(password), entry.name)
  })

  it('set, password, disable and enable change the user', async () => {
    assertOk(await program.run(['user', 'set', 'ann@example.com', '--quota', 'none']))
    assertOk(await program.run(['user', 'password', 'ann@example.com', '--password-stdin'], { input: 'another password\n' }))
    assert.equal(assertOk(await program.run(['user', 'disable', 'ann@example.com', '--json'])).json<{ disabled: boolean }>().disabled, true)
    assert.match(assertOk(await program.run(['user', 'list'])).stdout, /^ann@example\.com +Ann Example +disabled +none /m)
    assertOk(await program.run(['user', 'enable', 'ann@example.com']))
    const [user] = assertOk(await program.run(['user', 'list', 'example.com', '--json'])).json<{ disabled: boolean; quotaBytes: number }[]>()
    assert.deepEqual([user?.disabled, user?.quotaBytes], [false, 0])
  })

  it('an alias is added, listed and removed', async () => {
    const added = assertOk(await program.run(['alias', 'add', 'team@example.com', 'Ann@example.com', 'Bert@elsewhere.example', '--json']))
    assert.deepEqual(added.json<{ targets: string[] }>().targets, ['ann@example.com', 'Bert@elsewhere.example'])
    assert.match(assertOk(await program.run(['alias', 'list'])).stdout, /^team@example\.com +ann@example\.com, Bert@elsewhere\.example$/m)
    assert.match(assertOk(await program.run(['alias', 'add', 'typo@example.com', 'anne@example.com', 'ann@example.com'])).stdout, /leads to anne@example\.com, ann@example\.com; nobody is here under anne@example\.com yet/)
    assertOk(await program.run(['alias', 'remove', 'typo@example.com']))
    assertRefused(await program.run(['alias', 'add', 'ann@example.com', 'x@example.org']), /is a user already/)
    assertMisused(await program.run(['alias', 'add', 'lonely@example.com']), /missing required argument 'targets'/)
    assertRefused(await program.run(['user', 'remove', 'ann@example.com', '--yes']), /target of team@example\.com/)
    assertOk(await program.run(['alias', 'remove', 'team@example.com']))
    assert.deepEqual(assertOk(await program.run(['alias', 'list', '--json'])).json<unknown[]>(), [])
  })

  it('an app password is shown once, listed without its secret, and revoked by label', async () => {
    const made = assertOk(await program.run(['app-password', 'add', 'ann@example.com', '--label', 'phone', '--json'])).json<{ id: string; password: string }>()
    assert.match(made.password, /^([a-z2-9]{4}-){6}[a-z2-9]{4}$/)
    const listed = assertOk(await program.run(['app-password', 'list', 'ann@example.com', '--json']))
    assert.deepEqual(listed.json<{ id: string; label: string }[]>().map(({ id, label }) => [id, label]), [[made.id, 'phone']])
    assert.ok(!listed.stdout.includes(made.password) && !listed.stdout.includes('digest'))
    assertMisused(await program.run(['app-password', 'add', 'ann@example.com']), /--label/)
    assertOk(await program.run(['app-password', 'revoke', 'ann@example.com', 'phone']))
    assertRefused(await program.run(['app-password', 'revoke', 'ann@example.com', 'phone']), /no app password "phone"/)
  })

  it('remove keeps the mail unless told otherwise, and a new user takes it over', async () => {
    const { id } = assertOk(await program.run(['user', 'show', 'ann@example.com', '--json'])).json<{ id: string }>()
    assertRefused(await program.run(['user', 'remove', 'ann@example.com']), /nothing was changed/)
    const removed = assertOk(await program.run(['user', 'remove', 'ann@example.com', '--yes']))
    assert.match(removed.stdout, new RegExp(`kept: .*--account ${id}`))
    assertOk(await addUser('anna@example.com', '--account', id))
    assert.equal(assertOk(await program.run(['user', 'show', 'anna@example.com', '--json'])).json<{ id: string }>().id, id)
    assert.deepEqual(assertOk(await program.run(['user', 'remove', 'anna@example.com', '--yes', '--delete-mail', '--json'])).json<unknown>(), { removed: 'anna@example.com', account: id, mailDeleted: true })
    assertRefused(await program.run(['user', 'show', 'anna@example.com']), /there is no user anna@example\.com/)
  })
})

describe('where there is no mail system', () => {
  const program = new Program()
  after(() => program.remove())

  it('a question makes none, and says how to begin one', async () => {
    for (const words of [['user', 'list'], ['queue', 'list'], ['domain', 'list']]) assertRefused(await program.run(words), /there is no mail system in .*--data/)
    assert.equal(existsSync(program.data), false)
  })
})
