import assert from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { Authenticator } from '#lib/mail/accounts/authenticator.ts'
import type { AuthOutcome, LoginClient, SaslExchange } from '#lib/mail/accounts/authenticator.ts'
import { Directory } from '#lib/mail/accounts/directory.ts'
import type { TokenCheck } from '#lib/mail/accounts/openId.ts'
import { keys } from '#lib/mail/accounts/rows.ts'
import { SlowHashes } from '#lib/mail/accounts/slowHashes.ts'
import type { ScryptParameters } from '#lib/mail/accounts/slowHashes.ts'
import type { Config } from '#lib/config.ts'
import { makeLog } from '#lib/base/log.ts'
import type { LogEvent } from '#lib/base/log.ts'
import { ScramClient } from './scramClient.ts'
import { openStage } from './stage.ts'

class CountedHashes extends SlowHashes {
  calls: string[] = []
  override scrypt(password: string, salt: Uint8Array, parameters: ScryptParameters): Promise<Buffer> {
    this.calls.push(`scrypt ${parameters.cost} ${parameters.blockSize} ${parameters.parallel} ${salt.length}`)
    return super.scrypt(password, salt, parameters)
  }
}

const stage = await openStage()
after(() => stage.close())

let number = 0
let anna = ''
let client: LoginClient
let hashes: CountedHashes
let events: LogEvent[]

/** A process of its own on the same table, with a user of its own. */
function open(settings: Partial<Config['accounts']> = {}, tokens?: TokenCheck): { directory: Directory; authenticator: Authenticator } {
  const accounts = { ...stage.settings, ...settings }
  const directory = new Directory({ table: stage.engine.table, clock: stage.clock, settings: accounts, makeDkimKeys: async () => [], hashes })
  const log = makeLog((event) => events.push(event), { level: 'debug', now: () => 0 })
  return { directory, authenticator: new Authenticator({ directory, table: stage.engine.table, clock: stage.clock, log, settings: accounts, tokens }) }
}

beforeEach(async () => {
  number++
  hashes = new CountedHashes(2)
  events = []
  stage.clock.slept.length = 0
  anna = `anna@d${number}.example`
  client = from('192.0.2.1')
  await stage.directory.addDomain({ name: `d${number}.example` })
  await stage.directory.addUser({ address: anna, password: 'correct horse' })
})

const from = (address: string): LoginClient => ({ address, protocol: 'imap', tls: true })
const word = (outcome: AuthOutcome): string => (outcome.ok ? `ok ${outcome.account.address}` : outcome.reason)
const minute = 60_000

test('the right password comes in, however the login is spelt, and no other does', async () => {
  const { authenticator } = open()
  const tried = async (login: string, password: string) => word(await authenticator.password({ login, password, client }))
  assert.equal(await tried(anna, 'correct horse'), `ok ${anna}`)
  assert.equal(await tried(anna.toUpperCase(), 'correct horse'), `ok ${anna}`)
  for (const password of ['correct hors', 'Correct horse', '', 'correct horse\0', 'x'.repeat(5000)]) assert.equal(await tried(anna, password), 'invalid', password)
  for (const login of ['', '@', 'anna', `bob@d${number}.example`, 'a'.repeat(20_000), `\0${anna}`]) assert.equal(await tried(login, 'correct horse'), 'invalid', login.slice(0, 50))
})

test('a login without domain means the default domain', async () => {
  const { authenticator } = open({ defaultDomain: `d${number}.example` })
  assert.equal(word(await authenticator.password({ login: 'Anna', password: 'correct horse', client })), `ok ${anna}`)
})

test('a password is compared after SASLprep', async () => {
  await stage.directory.setPassword(anna, 'pa\u00adss\u00a0\u2168word')
  const { authenticator } = open()
  assert.equal(word(await authenticator.password({ login: anna, password: 'pass IXword', client })), `ok ${anna}`)
})

test('unknown users, users without a password and wrong passwords cost the same hashes', async () => {
  await stage.directory.addUser({ address: `bob@d${number}.example` })
  const { authenticator } = open()
  const cost: string[][] = []
  for (const login of [anna, `bob@d${number}.example`, `nobody@d${number}.example`, 'no address']) {
    hashes.calls = []
    assert.equal(word(await authenticator.password({ login, password: 'wrong', client })), 'invalid')
    cost.push(hashes.calls)
  }
  assert.equal(cost[0]?.length, 1)
  for (const calls of cost) assert.deepEqual(calls, cost[0])
})

test('a right password costs no hash for some minutes, a wrong one does each time', async () => {
  const { authenticator, directory } = open({ rememberPasswordMs: 10 * minute })
  const right = async () => word(await authenticator.password({ login: anna, password: 'correct horse', client }))
  await right()
  await right()
  assert.equal(hashes.calls.length, 1)
  await authenticator.password({ login: anna, password: 'wrong', client })
  assert.equal(hashes.calls.length, 2)
  stage.clock.at += 10 * minute
  assert.equal(await right(), `ok ${anna}`)
  assert.equal(hashes.calls.length, 3)
  await stage.directory.setPassword(anna, 'battery staple')
  assert.equal(await right(), 'invalid')
  await stage.directory.setPassword(anna, 'correct horse')
  assert.equal(await right(), `ok ${anna}`)
  await directory.setDisabled(anna, true)
  assert.equal(await right(), 'disabled')
})

test('an app password comes in without a slow hash, grouped or not, until it is revoked', async () => {
  const { authenticator, directory } = open()
  const { token, id } = await directory.addAppPassword({ address: anna, label: 'phone' })
  for (const typed of [token, token.replaceAll('-', ''), token.replaceAll('-', ' ').toUpperCase()]) assert.equal(word(await authenticator.password({ login: anna, password: typed, client })), `ok ${anna}`)
  assert.equal(hashes.calls.length, 0)
  assert.equal(word(await authenticator.password({ login: `bob@d${number}.example`, password: token, client })), 'invalid')
  await directory.revokeAppPassword(anna, id)
  assert.equal(word(await authenticator.password({ login: anna, password: token, client })), 'invalid')
})

test('a failed login is logged with its reason and without the password', async () => {
  const { authenticator } = open()
  await authenticator.password({ login: anna, password: 'Hush-Hush', client })
  const [event] = events
  assert.equal(event?.event, 'login-failed')
  assert.deepEqual(event.fields, { protocol: 'imap', reason: 'invalid', login: anna, client: '192.0.2.1', tls: true })
  assert.ok(!JSON.stringify(events).includes('Hush'))
})

test('each further failure of an address is answered more slowly, up to a limit', async () => {
  const { authenticator } = open({ failureDelayMs: 1000, failureDelayMostMs: 2500 })
  for (const password of ['a', 'b', 'c', 'd']) await authenticator.password({ login: anna, password, client })
  await authenticator.password({ login: anna, password: 'correct horse', client })
  assert.deepEqual(stage.clock.slept, [1000, 2000, 2500, 2500])
})

test('an address is locked after too many failures whoever they were for, its whole IPv6 network with it', async () => {
  const { authenticator } = open({ failuresPerAddress: 3, failureDelayMs: 0, lockMs: 5 * minute })
  for (const n of [1, 2, 3]) await authenticator.password({ login: `user${n}@d.example`, password: 'x', client: from(`2001:db8::${n}`) })
  const tried = async (address: string) => word(await authenticator.password({ login: anna, password: 'correct horse', client: from(address) }))
  assert.equal(await tried('2001:db8::ffff'), 'locked')
  assert.equal(await tried('2001:db8:0:1::1'), `ok ${anna}`)
  assert.ok(events.some(({ event, fields }) => event === 'address-locked' && fields.client === '2001:db8::/64'))
  stage.clock.at += 5 * minute
  assert.equal(await tried('2001:db8::ffff'), `ok ${anna}`)
})

test('failures are forgotten when the window is over', async () => {
  const { authenticator } = open({ failuresPerAddress: 3, failureDelayMs: 0, failureWindowMs: minute })
  for (const password of ['a', 'b']) await authenticator.password({ login: anna, password, client })
  stage.clock.at += minute + 1
  for (const password of ['c', 'd']) await authenticator.password({ login: anna, password, client })
  assert.equal(word(await authenticator.password({ login: anna, password: 'correct horse', client })), `ok ${anna}`)
})

test('an account is locked after too many failures from anywhere, in every process, until the time is over', async () => {
  const settings = { failuresPerAccount: 4, failureDelayMs: 0, lockMs: 5 * minute }
  const one = open(settings).authenticator
  for (const n of [1, 2, 3, 4]) assert.equal(word(await one.password({ login: anna, password: `guess ${n}`, client: from(`198.51.100.${n}`) })), 'invalid')
  const other = open(settings).authenticator
  for (const authenticator of [one, other]) assert.equal(word(await authenticator.password({ login: anna, password: 'correct horse', client: from('203.0.113.9') })), 'locked')
  stage.clock.at += 5 * minute
  assert.equal(word(await one.password({ login: anna, password: 'correct horse', client: from('203.0.113.9') })), `ok ${anna}`)
})

test('a new password ends the lock of an account', async () => {
  const { authenticator } = open({ failuresPerAccount: 2, failureDelayMs: 0 })
  for (const n of [1, 2]) await authenticator.password({ login: anna, password: `guess ${n}`, client: from(`198.51.100.${n}`) })
  assert.equal(word(await authenticator.password({ login: anna, password: 'correct horse', client })), 'locked')
  await stage.directory.setPassword(anna, 'battery staple')
  assert.equal(word(await authenticator.password({ login: anna, password: 'battery staple', client })), `ok ${anna}`)
})

test('a lock of an account can be seen, and ended by hand', async () => {
  const { authenticator } = open({ failuresPerAccount: 2, failureDelayMs: 0, lockMs: 5 * minute })
  assert.equal(await stage.directory.lockedUntil(anna), undefined)
  for (const n of [1, 2]) await authenticator.password({ login: anna, password: `guess ${n}`, client: from(`198.51.100.${n}`) })
  assert.equal(await stage.directory.lockedUntil(anna), stage.clock.at + 5 * minute)
  assert.equal(await stage.directory.endLock(anna), true)
  assert.equal(await stage.directory.lockedUntil(anna), undefined)
  assert.equal(word(await authenticator.password({ login: anna, password: 'correct horse', client })), `ok ${anna}`)
  assert.equal(await stage.directory.endLock(anna), false)
})

test('a user who is unknown is locked no differently', async () => {
  const { authenticator } = open({ failuresPerAccount: 3, failureDelayMs: 0 })
  const words: string[] = []
  for (const n of [1, 2, 3, 4]) words.push(word(await authenticator.password({ login: `Nobody@d${number}.example`, password: `guess ${n}`, client: from(`198.51.100.${n}`) })))
  words.push(word(await authenticator.password({ login: `nobody@d${number}.example`, password: 'x', client: from('198.51.100.5') })))
  assert.deepEqual(words, ['invalid', 'invalid', 'invalid', 'locked', 'locked'])
})

test('an attacker elsewhere does not shut the owner out of an address the owner logs in from', async () => {
  const settings = { failuresPerAccount: 3, failureDelayMs: 0 }
  const { authenticator } = open(settings)
  await authenticator.password({ login: anna, password: 'correct horse', client: from('203.0.113.9') })
  for (const n of [1, 2, 3]) await authenticator.password({ login: anna, password: `guess ${n}`, client: from(`198.51.100.${n}`) })
  const restarted = open(settings).authenticator
  for (const process of [authenticator, restarted]) {
    assert.equal(word(await process.password({ login: anna, password: 'correct horse', client: from('203.0.113.9') })), `ok ${anna}`)
    assert.equal(word(await process.password({ login: anna, password: 'correct horse', client: from('198.51.100.1') })), 'locked')
  }
})

test('few addresses of an account are remembered, and not for ever', async () => {
  const { authenticator } = open({ failuresPerAccount: 1, failureDelayMs: 0, knownAddresses: 2, knownAddressMs: 60 * minute, lockMs: 600 * minute })
  for (const n of [1, 2, 3]) {
    stage.clock.at += 1000
    await authenticator.password({ login: anna, password: 'correct horse', client: from(`203.0.113.${n}`) })
  }
  await authenticator.password({ login: anna, password: 'guess', client: from('198.51.100.1') })
  const tried = async (n: number) => word(await authenticator.password({ login: anna, password: 'correct horse', client: from(`203.0.113.${n}`) }))
  assert.deepEqual([await tried(1), await tried(2), await tried(3)], ['locked', `ok ${anna}`, `ok ${anna}`])
  stage.clock.at += 61 * minute
  assert.equal(await tried(3), 'locked')
})

test('the same wrong password again counts once: a forgotten device locks nobody out', async () => {
  const { authenticator } = open({ failuresPerAccount: 3, failuresPerAddress: 3, failureDelayMs: 0 })
  for (let n = 0; n < 10; n++) assert.equal(word(await authenticator.password({ login: anna, password: 'old password', client })), 'invalid')
  assert.equal(word(await authenticator.password({ login: anna, password: 'correct horse', client })), `ok ${anna}`)
})

test('many guesses at once are no more than the limit', async () => {
  const { authenticator } = open({ failuresPerAccount: 5, failuresPerAddress: 0, failureDelayMs: 0 })
  const all = await Promise.all(Array.from({ length: 40 }, (_, n) => authenticator.password({ login: anna, password: `guess ${n}`, client: from(`198.51.100.${n}`) })))
  assert.equal(all.filter((outcome) => word(outcome) === 'invalid').length, 5)
  assert.equal(hashes.calls.length, 5)
  const { authenticator: perAddress } = open({ failuresPerAccount: 0, failuresPerAddress: 4, failureDelayMs: 0 })
  const sprayed = await Promise.all(Array.from({ length: 40 }, (_, n) => perAddress.password({ login: `u${n}@d.example`, password: 'x', client })))
  assert.equal(sprayed.filter((outcome) => word(outcome) === 'invalid').length, 4)
})

test('many right logins at once all come in, for one hash', async () => {
  const { authenticator } = open({ failuresPerAccount: 2, failuresPerAddress: 2, failureDelayMs: 0 })
  const all = await Promise.all(Array.from({ length: 30 }, () => authenticator.password({ login: anna, password: 'correct horse', client })))
  assert.ok(all.every(({ ok }) => ok))
  assert.equal(hashes.calls.length, 1)
})

test('a disabled user does not come in and the client is told no more than by a wrong password', async () => {
  await stage.directory.setDisabled(anna, true)
  const { authenticator } = open({ failureDelayMs: 700 })
  assert.equal(word(await authenticator.password({ login: anna, password: 'correct horse', client })), 'disabled')
  assert.deepEqual(stage.clock.slept, [700])
})

test('a removed user leaves no row behind, locked or not', async () => {
  const { authenticator, directory } = open({ failuresPerAccount: 2, failureDelayMs: 0 })
  const account = await directory.user(anna)
  assert.ok(account)
  await authenticator.password({ login: anna, password: 'correct horse', client })
  for (const n of [1, 2]) await authenticator.password({ login: anna, password: `guess ${n}`, client: from(`198.51.100.${n}`) })
  assert.ok(await stage.engine.table.get(keys.user(account.id, 'lock')))
  await directory.removeUser(anna)
  assert.deepEqual((await stage.engine.table.range({ partition: `user/${account.id}` })).items, [])
})

// ---------------------------------------------------------------- SASL

const text = (step: Awaited<ReturnType<SaslExchange['step']>>): string => ('challenge' in step ? Buffer.from(step.challenge).toString() : word(step.outcome))

async function say(exchange: SaslExchange | undefined, response: string | null): Promise<string> {
  assert.ok(exchange)
  return text(await exchange.step(response === null ? null : Buffer.from(response)))
}

test('PLAIN: with and without initial response, for oneself only', async () => {
  const { authenticator } = open()
  const start = () => authenticator.start('plain', client)
  assert.equal(await say(start(), `\0${anna}\0correct horse`), `ok ${anna}`)
  const asked = start()
  assert.equal(await say(asked, null), '')
  assert.equal(await say(asked, `${anna.toUpperCase()}\0${anna}\0correct horse`), `ok ${anna}`)
  assert.equal(await say(start(), `\0${anna}\0wrong`), 'invalid')
  assert.equal(await say(start(), `bob@d${number}.example\0${anna}\0correct horse`), 'malformed')
  for (const bad of ['', anna, `\0${anna}`, `\0${anna}\0`, `\0\0correct horse`, `\0${anna}\0a\0b`]) assert.equal(await say(start(), bad), 'malformed', JSON.stringify(bad))
  assert.equal('outcome' in (await (start() as SaslExchange).step(Buffer.from([0, 0xff, 0, 0x61]))), true)
})

test('LOGIN: asked for both, or the name at once', async () => {
  const { authenticator } = open()
  const start = () => authenticator.start('LOGIN', client)
  const asked = start()
  assert.equal(await say(asked, null), 'Username:')
  assert.equal(await say(asked, anna), 'Password:')
  assert.equal(await say(asked, 'correct horse'), `ok ${anna}`)
  const hasty = start()
  assert.equal(await say(hasty, anna), 'Password:')
  assert.equal(await say(hasty, 'wrong'), 'invalid')
  assert.equal(await say(start(), ''), 'malformed')
})

test('a mechanism that is not offered has no exchange', () => {
  const { authenticator } = open()
  for (const name of ['CRAM-MD5', 'SCRAM-SHA-1', 'SCRAM-SHA-256-PLUS', 'EXTERNAL', 'ANONYMOUS', '', '__proto__', 'constructor']) assert.equal(authenticator.start(name, client), undefined, name)
})

async function scram(authenticator: Authenticator, scramClient: ScramClient, change?: (message: string) => string, mechanism = 'SCRAM-SHA-256', from = client): Promise<{ word: string; believed: boolean }> {
  const exchange = authenticator.start(mechanism, from)
  assert.ok(exchange)
  const begun = await exchange.step(Buffer.from(scramClient.first()))
  if ('outcome' in begun) return { word: word(begun.outcome), believed: false }
  const step = await exchange.step(Buffer.from(scramClient.final(Buffer.from(begun.challenge).toString(), change)))
  assert.ok('outcome' in step)
  return { word: word(step.outcome), believed: scramClient.believes(step.final) }
}

test('SCRAM-SHA-256: the right password comes in and the server proves itself; no other does', async () => {
  const { authenticator } = open()
  for (const header of ['n,,', 'y,,', `n,a=${anna},`]) assert.deepEqual(await scram(authenticator, new ScramClient(anna, 'correct horse', header)), { word: `ok ${anna}`, believed: true }, header)
  assert.equal(hashes.calls.length, 0)
  assert.deepEqual(await scram(authenticator, new ScramClient(anna, 'wrong')), { word: 'invalid', believed: false })
  assert.deepEqual(await scram(authenticator, new ScramClient('a,b=c', 'wrong')), { word: 'invalid', believed: false })
})

test('SCRAM-SHA-256: a final message that does not fit the first is malformed', async () => {
  const { authenticator } = open()
  const changes: ((message: string) => string)[] = [
    (message) => message.replace('c=biws', 'c=eSws'),
    (message) => message.replace(/r=./, 'r=X'),
    (message) => message.replace(/(r=fyko\+d2lbbFgONRv9qkxdawL)[^,]*/, '$1'),
    (message) => message.replace(/,p=.*/, ''),
    (message) => message.replace(/p=.*/, 'p=AAAA'),
    () => '',
  ]
  for (const change of changes) assert.equal((await scram(authenticator, new ScramClient(anna, 'correct horse'), change)).word, 'malformed', String(change))
})

test('SCRAM-SHA-256: channel binding, unknown extensions and other identities are refused at the first message', async () => {
  const { authenticator } = open()
  for (const first of ['p=tls-unique,,n=anna,r=abc', 'n,,m=x,n=anna,r=abc', `n,a=bob,n=${anna},r=abc`, 'n,,n=an=na,r=abc', 'n,,n=anna', 'n,,n=,r=abc', 'n,,n=anna,r=', 'n,,r=abc,n=anna', 'F,n,,n=anna,r=abc', 'x', '']) {
    assert.equal(await say(authenticator.start('SCRAM-SHA-256', client), first), 'malformed', first)
  }
})

test('SCRAM-SHA-256: an unknown user gets a salt too, the same each time and in each process, and a nonce of its own', async () => {
  const ask = async (authenticator: Authenticator, login: string) => await say(authenticator.start('SCRAM-SHA-256', client), new ScramClient(login, '').first('abc'))
  const [one, other] = [open().authenticator, open().authenticator]
  const nobody = `nobody@d${number}.example`
  const saltOf = (message: string) => message.replace(/^r=[^,]*,/, '')
  const asked = [await ask(one, nobody), await ask(one, nobody.toUpperCase()), await ask(other, nobody)]
  assert.equal(new Set(asked).size, 3)
  assert.equal(new Set(asked.map(saltOf)).size, 1)
  assert.match(asked[0] ?? '', /^r=abc[A-Za-z0-9+/]{24},s=[A-Za-z0-9+/]{22}==,i=4096$/)
  assert.match(await ask(one, anna), /^r=abc[A-Za-z0-9+/]{24},s=[A-Za-z0-9+/]{22}==,i=4096$/)
  assert.notEqual(saltOf(await ask(one, anna)), saltOf(asked[0] ?? ''))
})

test('SCRAM-SHA-256: failures slow down and lock as any other', async () => {
  const { authenticator } = open({ failuresPerAccount: 3, failureDelayMs: 100 })
  const words: string[] = []
  for (let n = 0; n < 4; n++) words.push((await scram(authenticator, new ScramClient(anna, `guess ${n}`))).word)
  assert.deepEqual(words, ['invalid', 'invalid', 'invalid', 'locked'])
  assert.deepEqual(stage.clock.slept, [100, 200, 300])
})

test('SCRAM-SHA-256: a password changed in the middle of an exchange ends it', async () => {
  const { authenticator, directory } = open()
  const exchange = authenticator.start('SCRAM-SHA-256', client)
  const scramClient = new ScramClient(anna, 'correct horse')
  const serverFirst = await say(exchange, scramClient.first())
  await directory.setPassword(anna, 'battery staple')
  assert.equal(await say(exchange, scramClient.final(serverFirst)), 'invalid')
})

test('SCRAM-SHA-256: app passwords come in too, as shown or bare, until they are revoked', async () => {
  const { authenticator, directory } = open()
  const bob = `bob@d${number}.example`
  await directory.addUser({ address: bob })
  for (const login of [anna, bob]) {
    await directory.addAppPassword({ address: login, label: 'tablet' })
    const { token, id } = await directory.addAppPassword({ address: login, label: 'phone' })
    for (const typed of [token, token.replaceAll('-', '')]) assert.deepEqual(await scram(authenticator, new ScramClient(login, typed)), { word: `ok ${login}`, believed: true })
    await directory.revokeAppPassword(login, id)
    assert.equal((await scram(authenticator, new ScramClient(login, token))).word, 'invalid')
  }
  await directory.setPassword(anna, 'battery staple')
  const { token } = await directory.addAppPassword({ address: anna, label: 'watch' })
  await directory.setPassword(anna, 'correct horse')
  for (const password of [token, 'correct horse']) assert.equal((await scram(authenticator, new ScramClient(anna, password))).word, `ok ${anna}`)
  assert.equal((await scram(authenticator, new ScramClient(anna, 'battery staple'))).word, 'invalid')
})

// ---------------------------------------------------------------- channel bindings, certificates, tokens

const channelClient = (clientAddresses: readonly string[] = [], names: Readonly<Record<string, string>> = { 'tls-exporter': 'this connection', 'tls-server-end-point': 'this server' }): LoginClient => ({
  ...client,
  channel: { binding: (type) => (names[type] === undefined ? undefined : Buffer.from(names[type])), clientAddresses },
})

test('what is offered depends on the connection and the settings, the best first', () => {
  const offered = (from: LoginClient, tokens?: TokenCheck) => open({}, tokens).authenticator.mechanisms(from).join(' ')
  assert.equal(offered(client), 'SCRAM-SHA-256 PLAIN LOGIN')
  assert.equal(offered(channelClient()), 'SCRAM-SHA-256-PLUS SCRAM-SHA-256 PLAIN LOGIN')
  assert.equal(offered(channelClient([], {})), 'SCRAM-SHA-256 PLAIN LOGIN')
  assert.equal(offered(channelClient([anna])), 'SCRAM-SHA-256-PLUS SCRAM-SHA-256 EXTERNAL PLAIN LOGIN')
  assert.equal(offered(client, tokensOf({})), 'SCRAM-SHA-256 OAUTHBEARER XOAUTH2 PLAIN LOGIN')
})

test('SCRAM-SHA-256-PLUS: a proof counts over the connection it was made for, by either name of it, and nowhere else', async () => {
  const { authenticator } = open()
  const tried = (header: string, channel: string, mechanism = 'SCRAM-SHA-256-PLUS', from = channelClient()) => scram(authenticator, new ScramClient(anna, 'correct horse', header, Buffer.from(channel)), undefined, mechanism, from)
  assert.deepEqual(await tried('p=tls-exporter,,', 'this connection'), { word: `ok ${anna}`, believed: true })
  assert.deepEqual(await tried('p=tls-server-end-point,,', 'this server'), { word: `ok ${anna}`, believed: true })
  assert.equal((await tried('p=tls-exporter,,', 'another connection')).word, 'malformed')
  assert.equal((await tried('p=tls-exporter,,', 'this server')).word, 'malformed')
  assert.equal((await tried('p=tls-unique,,', 'this connection')).word, 'malformed')
  assert.equal((await tried('p=tls-exporter,,', '', 'SCRAM-SHA-256-PLUS', channelClient([], { 'tls-server-end-point': 'x' }))).word, 'malformed')
  for (const header of ['n,,', 'y,,']) assert.equal((await tried(header, '')).word, 'malformed', header)
})

test('SCRAM-SHA-256: a client that was told of no channel binding, although it is offered, was lied to', async () => {
  const { authenticator } = open()
  const tried = async (header: string, from: LoginClient) => (await scram(authenticator, new ScramClient(anna, 'correct horse', header), undefined, 'SCRAM-SHA-256', from)).word
  assert.equal(await tried('y,,', channelClient()), 'malformed')
  assert.equal(await tried('n,,', channelClient()), `ok ${anna}`)
  assert.equal(await tried('y,,', client), `ok ${anna}`)
  assert.equal(await tried('p=tls-exporter,,', channelClient()), 'malformed')
})

test('EXTERNAL: the certificate says who it is, or who of several the client wants to be', async () => {
  const { authenticator, directory } = open()
  const bob = `bob@d${number}.example`
  await directory.addUser({ address: bob })
  const tried = (names: readonly string[], authzid: string | null) => say(authenticator.start('EXTERNAL', channelClient(names)), authzid)
  assert.equal(await tried([anna], ''), `ok ${anna}`)
  assert.equal(await tried([anna], null), '')
  assert.equal(await tried([`nobody@d${number}.example`, bob.toUpperCase(), anna], ''), `ok ${bob}`)
  assert.equal(await tried([bob, anna], anna.toUpperCase()), `ok ${anna}`)
  assert.equal(await tried([anna], bob), 'invalid')
  assert.equal(await tried([`nobody@d${number}.example`], ''), 'invalid')
  assert.equal(await tried([anna], `${anna}\0`), 'malformed')
  await directory.setDisabled(anna, true)
  assert.equal(await tried([anna], ''), 'disabled')
  assert.equal(hashes.calls.length, 0)
  assert.equal(authenticator.start('EXTERNAL', channelClient()), undefined)
})

/** Takes the tokens that are words of the table, each for its login. */
function tokensOf(table: Readonly<Record<string, string>>): TokenCheck {
  return { scope: 'mail', discovery: 'https://id.example/.well-known/openid-configuration', check: async (token) => table[token] }
}

test('OAUTHBEARER and XOAUTH2: a token lets its user in, and nobody who names another', async () => {
  const { authenticator, directory } = open({}, tokensOf({ good: anna.toUpperCase(), stray: `nobody@d${number}.example` }))
  await directory.addUser({ address: `bob@d${number}.example` })
  const bearer = (login: string, token: string) => [`n,${login === '' ? '' : `a=${login}`},\x01auth=Bearer ${token}\x01\x01`, `user=${login}\x01auth=Bearer ${token}\x01\x01`] as const
  for (const [at, mechanism] of ['OAUTHBEARER', 'XOAUTH2'].entries()) {
    const tried = async (login: string, token: string): Promise<string> => {
      const exchange = authenticator.start(mechanism, client)
      const first = await say(exchange, bearer(login, token)[at] ?? '')
      if (!first.startsWith('{')) return first
      assert.equal(first, '{"status":"invalid_token","scope":"mail","openid-configuration":"https://id.example/.well-known/openid-configuration"}')
      return `after a reason ${await say(exchange, '\x01')}`
    }
    assert.equal(await tried(anna, 'good'), `ok ${anna}`, mechanism)
    assert.equal(await tried('', 'good'), `ok ${anna}`, mechanism)
    assert.equal(await tried(anna, 'bad'), 'after a reason invalid', mechanism)
    assert.equal(await tried('', 'bad'), 'after a reason invalid', mechanism)
    assert.equal(await tried(`bob@d${number}.example`, 'good'), 'after a reason invalid', mechanism)
    assert.equal(await tried('', 'stray'), 'after a reason invalid', mechanism)
    assert.equal(await say(authenticator.start(mechanism, client), 'nonsense'), 'malformed', mechanism)
    assert.equal(await say(authenticator.start(mechanism, client), null), '', mechanism)
  }
  assert.ok(!JSON.stringify(events).includes('good'))
  assert.equal(open().authenticator.start('OAUTHBEARER', client), undefined)
})

test('wrong tokens lock an address as wrong passwords do', async () => {
  const { authenticator } = open({ failuresPerAddress: 3 }, tokensOf({ good: anna }))
  const tried = async (token: string) => {
    const exchange = authenticator.start('XOAUTH2', client)
    const first = await say(exchange, `user=${anna}\x01auth=Bearer ${token}\x01\x01`)
    return first.startsWith('{') ? await say(exchange, '') : first
  }
  assert.deepEqual([await tried('a'), await tried('b'), await tried('c'), await tried('good')], ['invalid', 'invalid', 'invalid', 'locked'])
})
