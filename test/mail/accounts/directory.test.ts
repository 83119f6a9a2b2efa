import assert from 'node:assert/strict'
import { createPublicKey } from 'node:crypto'
import { after, beforeEach, test } from 'node:test'
import type { Table } from '#lib/engine/ports.ts'
import { Directory } from '#lib/mail/accounts/directory.ts'
import { openStage } from './stage.ts'

const stage = await openStage()
after(() => stage.close())

/** Each test has a domain of its own in the shared directory. */
let number = 0
let domain = ''
const { directory } = stage
beforeEach(async () => {
  domain = `d${++number}.example`
  await directory.addDomain({ name: domain })
})
const at = (local: string) => `${local}@${domain}`
const user = (local: string) => directory.addUser({ address: at(local), password: 'correct horse' })
const refused = (code: string, words?: RegExp) => (error: { name: string; code: string; message: string }) => {
  assert.equal(error.name, 'DirectoryRefusal', error.message)
  assert.equal(error.code, code)
  if (words !== undefined) assert.match(error.message, words)
  return true
}

test('a user is found whatever the case, quoting or IDN form of the address', async () => {
  await directory.addDomain({ name: 'MÜNCHEN.example' })
  const jürgen = await directory.addUser({ address: 'Jürgen@münchen.EXAMPLE', password: 'correct horse' })
  assert.equal(jürgen.address, 'jürgen@xn--mnchen-3ya.example')
  for (const spelling of ['JÜRGEN@xn--mnchen-3ya.example', '"jürgen"@München.example', 'ju\u0308rgen@münchen.example.']) {
    assert.deepEqual(await directory.resolveRecipient(spelling), { kind: 'account', account: jürgen, address: jürgen.address }, spelling)
  }
  assert.deepEqual(await directory.account(jürgen.id), jürgen)
  assert.deepEqual(await directory.accountByLogin('Jürgen@münchen.example'), jürgen)
})

test('what is nobody here is unknown, elsewhere remote', async () => {
  assert.deepEqual(await directory.resolveRecipient(at('nobody')), { kind: 'unknown' })
  assert.deepEqual(await directory.resolveRecipient(at('nobody+x')), { kind: 'unknown' })
  assert.deepEqual(await directory.resolveRecipient('a@elsewhere.example'), { kind: 'remote' })
  assert.deepEqual(await directory.resolveRecipient('a@[192.0.2.1]'), { kind: 'remote' })
  assert.deepEqual(await directory.resolveRecipient('no address'), { kind: 'unknown' })
})

test('a sub-address reaches its user, and an exact match wins over the detail', async () => {
  const anna = await user('anna')
  assert.deepEqual(await directory.resolveRecipient(at('anna+news')), { kind: 'account', account: anna, address: anna.address, detail: 'news' })
  await directory.addAlias({ address: at('anna+news'), targets: ['elsewhere@other.example'] })
  assert.equal((await directory.resolveRecipient(at('ANNA+News'))).kind, 'alias')
})

test('without a separator there are no sub-addresses', async () => {
  const plain = new Directory({ table: stage.engine.table, clock: stage.clock, settings: { ...stage.settings, detailSeparator: '' } })
  await user('anna')
  assert.deepEqual(await plain.resolveRecipient(at('anna+news')), { kind: 'unknown' })
})

test('an alias keeps its targets in order, once each, local ones folded', async () => {
  const alias = await directory.addAlias({ address: at('Team'), targets: [at('ANNA'), 'Bob@Other.Example', at('anna'), at('carl+x')] })
  assert.deepEqual(alias.targets, [at('anna'), 'Bob@other.example', at('carl+x')])
  assert.deepEqual(await directory.resolveRecipient(at('team+list')), { kind: 'alias', address: at('team'), targets: alias.targets })
  assert.deepEqual(await directory.listAliases(domain), [alias])
  await directory.removeAlias(at('team'))
  assert.deepEqual(await directory.resolveRecipient(at('team')), { kind: 'unknown' })
  await assert.rejects(directory.removeAlias(at('team')), refused('missing', /no alias team@/))
})

test('an alias of itself is refused, by a detail too', async () => {
  await assert.rejects(directory.addAlias({ address: at('a'), targets: [at('b'), at('A')] }), refused('invalid', /itself/))
  await assert.rejects(directory.addAlias({ address: at('a'), targets: [at('a+x')] }), refused('invalid', /itself/))
  await assert.rejects(directory.addAlias({ address: at('a'), targets: [] }), refused('invalid', /a target/))
  await assert.rejects(directory.addAlias({ address: at('a'), targets: ['nonsense'] }), refused('invalid', /not a mail address/))
})

test('an address is a user or an alias, never both', async () => {
  await user('anna')
  await directory.addAlias({ address: at('team'), targets: [at('anna')] })
  await assert.rejects(user('team'), refused('exists', /is an alias already/))
  await assert.rejects(user('ANNA'), refused('exists', /is a user already/))
  await assert.rejects(directory.addAlias({ address: at('anna'), targets: ['a@b.example'] }), refused('exists'))
  await assert.rejects(directory.addUser({ address: 'anna@nowhere.example', password: 'correct horse' }), refused('missing', /add it first/))
})

test('catch-all takes what has no row of its own, for a user here or elsewhere', async () => {
  const anna = await user('anna')
  await directory.changeDomain(domain, { catchAll: 'Anna' })
  assert.deepEqual(await directory.resolveRecipient(at('whatever')), { kind: 'account', account: anna, address: at('whatever') })
  await directory.changeDomain(domain, { catchAll: 'all@other.example' })
  assert.deepEqual(await directory.resolveRecipient(at('whatever')), { kind: 'alias', address: at('whatever'), targets: ['all@other.example'] })
  await directory.changeDomain(domain, { catchAll: at('nobody') })
  assert.deepEqual(await directory.resolveRecipient(at('whatever')), { kind: 'unknown' })
  await directory.changeDomain(domain, { catchAll: null })
  assert.deepEqual(await directory.resolveRecipient(at('whatever')), { kind: 'unknown' })
})

test('mail for postmaster and abuse reaches the first user, or who is named', async () => {
  const anna = await user('anna')
  const bob = await user('bob')
  assert.deepEqual(await directory.resolveRecipient(at('Postmaster')), { kind: 'account', account: anna, address: at('postmaster') })
  await directory.changeDomain(domain, { postmaster: 'bob' })
  assert.deepEqual(await directory.resolveRecipient(at('abuse')), { kind: 'account', account: bob, address: at('abuse') })
  await directory.removeUser(at('bob'))
  assert.equal((await directory.domain(domain))?.postmaster, anna.address)
})

test('a disabled user is told apart', async () => {
  await user('anna')
  const disabled = await directory.setDisabled(at('anna'), true)
  assert.deepEqual(await directory.resolveRecipient(at('anna+x')), { kind: 'disabled', account: disabled })
  await directory.setDisabled(at('anna'), false)
  assert.equal((await directory.resolveRecipient(at('anna'))).kind, 'account')
})

test('a user sends as themselves, their aliases, and what reaches them by catch-all', async () => {
  const anna = await user('anna')
  const bob = await user('bob')
  await directory.addAlias({ address: at('team'), targets: [at('anna+team'), 'x@other.example'] })
  for (const yes of ['anna', 'ANNA+shop', 'team']) assert.equal(await directory.maySendAs(anna, at(yes)), true, yes)
  for (const no of ['bob', 'nobody', 'postmaster2']) assert.equal(await directory.maySendAs(anna, at(no)), false, no)
  assert.equal(await directory.maySendAs(bob, at('team')), false)
  assert.equal(await directory.maySendAs(anna, 'anna@other.example'), false)
  assert.equal(await directory.maySendAs(anna, ''), false)
  await directory.changeDomain(domain, { catchAll: at('bob') })
  assert.equal(await directory.maySendAs(bob, at('anything')), true)
  assert.deepEqual(await directory.addressesOf(anna), [at('anna'), at('team')])
})

test('quotas: of the user, of the setting, none', async () => {
  const limited = new Directory({ table: stage.engine.table, clock: stage.clock, settings: { ...stage.settings, quotaBytes: 1000 } })
  const anna = await user('anna')
  assert.equal(directory.quotaOf(anna), undefined)
  assert.equal(limited.quotaOf(anna), 1000)
  assert.equal(limited.quotaOf(await directory.setQuota(at('anna'), 5)), 5)
  assert.equal(limited.quotaOf(await directory.setQuota(at('anna'), 0)), undefined)
  await assert.rejects(directory.setQuota(at('anna'), -1), refused('invalid', /quota/))
  await directory.recordUsage(domain, anna.id, 70)
  await directory.recordUsage(domain, anna.id, 40)
  await directory.recordUsage(domain, 'other', 2)
  assert.equal(await directory.domainUsage(domain), 42)
})

test('a user who is still needed is removed only when forced, and aliases lose the target', async () => {
  const anna = await user('anna')
  await user('bob')
  await directory.addAlias({ address: at('both'), targets: [at('anna'), at('bob')] })
  await directory.addAlias({ address: at('one'), targets: [at('anna+x')] })
  await assert.rejects(directory.removeUser(at('anna')), refused('in-use', /both@.*one@/))
  await directory.changeDomain(domain, { catchAll: at('anna') })
  await directory.removeUser(at('anna'), { force: true })
  assert.deepEqual((await directory.listAliases(domain)).map(({ address, targets }) => [address, targets]), [[at('both'), [at('bob')]]])
  assert.equal((await directory.domain(domain))?.catchAll, null)
  assert.equal(await directory.account(anna.id), undefined)
  assert.deepEqual((await stage.engine.table.range({ partition: `user/${anna.id}` })).items, [])
})

test('mail is deleted before the user goes, and kept mail can be taken over', async () => {
  const anna = await user('anna')
  const deleted: string[] = []
  await directory.removeUser(at('anna'))
  const again = await directory.addUser({ address: at('anne'), password: 'correct horse', accountId: anna.id })
  assert.equal(again.id, anna.id)
  await assert.rejects(directory.addUser({ address: at('x'), accountId: anna.id }), refused('exists', /belongs to a user/))
  const failing = async () => {
    assert.equal((await directory.user(at('anne')))?.disabled, true)
    throw new Error('disk full')
  }
  await assert.rejects(directory.removeUser(at('anne'), { deleteMail: failing }), /disk full/)
  await directory.removeUser(at('anne'), { deleteMail: async (id) => void deleted.push(id) })
  assert.deepEqual(deleted, [anna.id])
})

test('a domain with users is removed only when forced, and takes everything with it', async () => {
  const anna = await user('anna')
  await directory.addAlias({ address: at('team'), targets: [at('anna')] })
  await directory.recordUsage(domain, anna.id, 7)
  await assert.rejects(directory.removeDomain(domain), refused('in-use', /anna@.*team@/))
  assert.equal((await directory.resolveRecipient(at('anna'))).kind, 'account')
  const deleted: string[] = []
  await directory.removeDomain(domain, { force: true, deleteMail: async (id) => void deleted.push(id) })
  assert.deepEqual(deleted, [anna.id])
  assert.deepEqual(await directory.resolveRecipient(at('anna')), { kind: 'remote' })
  for (const partition of [`address/${domain}`, `usage/${domain}`, `target/${at('anna')}`, `user/${anna.id}`]) assert.deepEqual((await stage.engine.table.range({ partition })).items, [], partition)
  await assert.rejects(directory.removeDomain(domain), refused('missing'))
})

test('a removal cut short is finished by asking again, and nobody comes in meanwhile', async () => {
  await user('anna')
  const cut = async () => {
    await assert.rejects(user('late'), refused('missing', /being removed/))
    throw new Error('killed')
  }
  await assert.rejects(directory.removeDomain(domain, { force: true, deleteMail: cut }), /killed/)
  await directory.removeDomain(domain, { force: true, deleteMail: async () => undefined })
  assert.equal(await directory.domain(domain), undefined)
})

test('changes made at once are all made', async () => {
  const peer = new Directory({ table: stage.engine.table, clock: stage.clock, settings: stage.settings })
  await Promise.all([
    directory.changeDomain(domain, { quotaBytes: 5 }),
    peer.changeDomain(domain, { dmarc: 'mark' }),
    directory.changeDomain(domain, { junkScore: 3 }),
    ...Array.from({ length: 10 }, (_, i) => (i % 2 === 0 ? directory : peer).addUser({ address: at(`u${i}`) })),
  ])
  const { quotaBytes, dmarc, junkScore } = (await directory.domain(domain)) ?? {}
  assert.deepEqual({ quotaBytes, dmarc, junkScore }, { quotaBytes: 5, dmarc: 'mark', junkScore: 3 })
  assert.equal((await directory.listUsers(domain)).length, 10)
  const twice = await Promise.allSettled([directory.addUser({ address: at('same') }), peer.addUser({ address: at('same') })])
  assert.deepEqual(twice.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
})

test('a domain has its choices checked', async () => {
  await assert.rejects(directory.addDomain({ name: domain }), refused('exists'))
  await assert.rejects(directory.addDomain({ name: 'not a domain' }), refused('invalid'))
  await assert.rejects(directory.changeDomain(domain, { smarthost: { host: 'relay.example', port: 0, tls: 'starttls' } }), refused('invalid', /port/))
  await assert.rejects(directory.changeDomain(domain, { smarthost: { host: 'relay.example', port: 25, tls: 'none', login: 'a', password: 'b' } }), refused('invalid', /without TLS/))
  await directory.changeDomain(domain, { smarthost: { host: 'relay.example', port: 587, tls: 'starttls', login: 'a', password: 'b' }, refuseScore: 9 })
  await directory.changeDomain(domain, { refuseScore: null })
  const changed = await directory.domain(domain)
  assert.equal(changed?.smarthost?.host, 'relay.example')
  assert.equal(changed !== undefined && 'refuseScore' in changed, false)
})

test('a new domain has two DKIM keys and names every record to publish', async () => {
  const real = new Directory({ table: stage.engine.table, clock: stage.clock, settings: stage.settings })
  const { dkim } = await real.addDomain({ name: 'keys.example' })
  assert.deepEqual(dkim.map(({ selector }) => selector), ['rsa202611', 'ed25519202611'])
  const records = await real.dnsRecords('keys.example', 'mail.keys.example')
  const value = (type: string, name: string) => records.find((record) => record.type === type && record.name === name)?.value ?? ''
  assert.equal(value('MX', 'keys.example'), '10 mail.keys.example.')
  assert.equal(value('TXT', 'keys.example'), '"v=spf1 mx -all"')
  assert.match(value('TXT', '_dmarc.keys.example'), /^"v=DMARC1; p=quarantine; /)
  assert.equal(value('SRV', '_imaps._tcp.keys.example'), '0 1 993 mail.keys.example.')
  const rsa = value('TXT', 'rsa202611._domainkey.keys.example')
  const strings = [...rsa.matchAll(/"([^"]*)"/g)].map(([, text = '']) => text)
  assert.ok(strings.length === 2 && strings.every((text) => text.length <= 255), rsa)
  const key = createPublicKey({ key: Buffer.from(strings.join('').replace('v=DKIM1; k=rsa; p=', ''), 'base64'), format: 'der', type: 'spki' })
  assert.equal(key.asymmetricKeyDetails?.modulusLength, 2048)
  assert.equal(Buffer.from(value('TXT', 'ed25519202611._domainkey.keys.example').split('p=')[1]?.replace('"', '') ?? '', 'base64').length, 32)
})

test('RCPT costs one get for a user or alias and two for a sub-address or a remote address', async () => {
  let gets = 0
  const { table } = stage.engine
  const counting: Table = {
    get: (key) => {
      gets++
      return table.get(key)
    },
    range: () => assert.fail('a range'),
    commit: () => assert.fail('a commit'),
  }
  await user('anna')
  await directory.addAlias({ address: at('team'), targets: [at('anna')] })
  const counted = new Directory({ table: counting, clock: stage.clock, settings: stage.settings })
  for (const [address, expected] of [[at('anna'), 1], [at('team'), 1], [at('anna+x'), 2], [at('nobody'), 2], ['a@other.example', 2]] as const) {
    gets = 0
    await counted.resolveRecipient(address)
    assert.equal(gets, expected, address)
  }
})

test('an app password is shown once, listed without its token, and revoked by label or id', async () => {
  await user('anna')
  const phone = await directory.addAppPassword({ address: at('anna'), label: ' Phone ' })
  assert.match(phone.token, /^([a-kmnp-z2-9]{4}-){6}[a-kmnp-z2-9]{4}$/)
  assert.deepEqual(await directory.listAppPasswords(at('anna')), [{ id: phone.id, label: 'Phone', createdAt: stage.clock.at }])
  await assert.rejects(directory.addAppPassword({ address: at('anna'), label: 'Phone' }), refused('exists'))
  await assert.rejects(directory.addAppPassword({ address: at('anna'), label: '' }), refused('invalid'))
  await directory.revokeAppPassword(at('anna'), 'Phone')
  assert.deepEqual(await directory.listAppPasswords(at('anna')), [])
  await assert.rejects(directory.revokeAppPassword(at('anna'), phone.id), refused('missing'))
})

test('weak, endless and forbidden passwords are refused with a reason', async () => {
  await user('anna')
  await assert.rejects(directory.setPassword(at('anna'), 'short'), refused('invalid', /8 characters/))
  await assert.rejects(directory.setPassword(at('anna'), 'x'.repeat(2000)), refused('invalid', /octets at most/))
  await assert.rejects(directory.setPassword(at('anna'), 'with\u0007bell in it'), refused('invalid', /control/))
  await assert.rejects(directory.setPassword(at('nobody'), 'correct horse'), refused('missing'))
})

test('a row of a newer version stops with a clear error', async () => {
  await stage.engine.table.commit([{ put: { partition: `address/${domain}`, sort: 'future' }, value: Buffer.from('{"v":2}') }])
  await assert.rejects(directory.resolveRecipient(at('future')), /version 2, this program reads version 1/)
})
