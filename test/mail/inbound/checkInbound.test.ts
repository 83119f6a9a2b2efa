import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EngineUnavailableError } from '#lib/engine/ports.ts'
import { beginAnew } from '#lib/mail/mailbox/rebuild.ts'
import type { InboundNote } from '#lib/mail/transit/note.ts'
import { encodeNote } from '#lib/mail/transit/note.ts'
import { asNote, auth, body, envelope, hostname, inbound, inlineContent, openStage, outbound, sent, text, unjudged, verdict } from './stage.ts'

const events = (stage: { events: readonly { event: string; fields: object }[] }, event: string) => stage.events.filter((one) => one.event === event).map(({ fields }) => fields as Record<string, unknown>)

test('a message is filed into INBOX behind the fields of final delivery', async () => {
  const stage = await openStage()
  assert.deepEqual(await stage.run({}), { kind: 'done', then: [] })
  assert.deepEqual(await stage.messages('anna@ours.example'), [
    'Return-Path: <a@sender.example>\r\n' +
      'Delivered-To: anna@ours.example\r\n' +
      `Authentication-Results: ${hostname};\r\n spf=pass smtp.mailfrom=sender.example;\r\n dmarc=none header.from=sender.example;\r\n arc=none\r\n` +
      'X-Spam: No\r\nX-Spam-Score: 1.0\r\nX-Spam-Reasons: SOME_REASON=1\r\n' +
      body,
  ])
  assert.deepEqual(events(stage, 'filed'), [{ queueId: 'Q1', account: 'anna@ours.example', mailbox: 'INBOX', uid: 1 }])
  assert.equal(events(stage, 'checked')[0]?.['spf'], 'pass')
})

test('what was not checked says so, and bears no spam fields', async () => {
  const stage = await openStage()
  await stage.check([asNote(unjudged(inbound({ envelope: envelope('', 'anna@ours.example'), client: {} })))])
  assert.deepEqual(await stage.messages('anna@ours.example'), [`Return-Path: <>\r\nDelivered-To: anna@ours.example\r\nAuthentication-Results: ${hostname}; none\r\n${body}`])
  assert.deepEqual(events(stage, 'checked'), [])
})

const brought =
  'Received: from x\r\nReturn-Path: <forged@example.net>\r\nX-Spam: No\r\nx-spam-score:\r\n -99\r\nX-SPAM-REASONS: NONE\r\nAuthentication-Results: MX.ours.example; dmarc=pass\r\nAuthentication-Results: (a (nested) comment) "mx.ours.example" 1;\r\n\tspf=pass\r\n'
const kept = 'Authentication-Results: mx.elsewhere.example; dmarc=fail\r\nX-Spam-Status: Yes\r\nX-Odd:   spaces \t\r\n\tand\xe9\xff octets\r\nnot a field\r\nSubject: x\r\n\r\nReturn-Path: <in the body>\r\n\r\n.\r\n'

test('fields that only we may set do not come along, and everything else is as it was, octet for octet', async () => {
  const stage = await openStage()
  await stage.run({ content: inlineContent(brought + kept) })
  const [message = ''] = await stage.messages('anna@ours.example')
  assert.equal(message.slice(message.indexOf('X-Spam-Reasons: SOME_REASON=1\r\n') + 31), `Received: from x\r\n${kept}`)
})

test('the same holds of a large message, which passes through', async () => {
  const stage = await openStage()
  const large = `${brought}${kept}${'0123456789abcdef'.repeat(100_000)}\r\n`
  await stage.engine.blobs.put('transit/Q1', Buffer.from(large, 'latin1'))
  const answer = await stage.run({ content: { blob: { key: 'transit/Q1', offset: 0, length: large.length, codec: 'identity', sizeBytes: large.length } } })
  const [message = ''] = await stage.messages('anna@ours.example')
  assert.equal(message.slice(message.indexOf('X-Spam-Reasons: SOME_REASON=1\r\n') + 31), `Received: from x\r\n${large.slice(brought.length)}`)
  assert.match(message, /^Return-Path: <a@sender\.example>\r\n/)
  const [release] = sent(answer)
  assert.equal(release?.queue, 'inbound')
  assert.equal(release?.note.kind, 'release')
  assert.ok((release?.notBefore ?? 0) > stage.clock.now())
  await stage.check([{ id: 'Q1-release', body: encodeNote(release?.note), receives: 1, sentAt: 0 }])
  assert.equal(stage.engine.kept.has('transit/Q1'), false)
})

test('a note that comes again changes nothing', async () => {
  const stage = await openStage()
  await stage.directory.addAlias({ address: 'team@ours.example', targets: ['anna@ours.example', 'far@remote.example'] })
  const note = { envelope: envelope('a@sender.example', 'team@ours.example', 'bert@ours.example') }
  const first = await stage.run(note)
  const filed = await stage.messages('anna@ours.example')
  const again = await stage.run(note)
  assert.deepEqual(again, first)
  assert.deepEqual(await stage.messages('anna@ours.example'), filed)
  assert.equal((await stage.messages('bert@ours.example')).length, 1)
  assert.equal(events(stage, 'filed').length, 2)
})

test('an account that several recipients lead to gets the message once', async () => {
  const stage = await openStage()
  await stage.directory.addAlias({ address: 'team@ours.example', targets: ['anna@ours.example', 'bert@ours.example'] })
  await stage.run({ envelope: envelope('a@sender.example', 'anna@ours.example', 'ANNA+shop@ours.example', 'team@ours.example') })
  assert.equal((await stage.messages('anna@ours.example')).length, 1)
  assert.equal((await stage.messages('bert@ours.example')).length, 1)
})

test('a thousand recipients each get it', async () => {
  const stage = await openStage()
  const targets = Array.from({ length: 60 }, (_, i) => `user${i}@ours.example`)
  for (const address of targets) await stage.directory.addUser({ address, password: 'a long password' })
  const recipients = Array.from({ length: 1000 }, (_, i) => ({ address: `user${i % 60}+${i}@ours.example` }))
  await stage.run({ envelope: { mailFrom: 'a@sender.example', recipients } })
  for (const address of targets) assert.equal((await stage.messages(address)).length, 1)
})

test('Delivered-To bears the detail of a sub-address', async () => {
  const stage = await openStage()
  await stage.run({ envelope: envelope('a@sender.example', 'anna+shop@ours.example') })
  assert.match((await stage.messages('anna@ours.example'))[0] ?? '', /\r\nDelivered-To: anna\+shop@ours\.example\r\n/)
})

test('the detail names a mailbox only when the setting says so and the mailbox is there', async () => {
  for (const [detailToMailbox, detail, mailbox] of [[false, 'Archive', 'INBOX'], [true, 'Archive', 'Archive'], [true, 'Nowhere', 'INBOX']] as const) {
    const stage = await openStage({ inbound: { detailToMailbox } })
    await stage.run({ envelope: envelope('a@sender.example', `anna+${detail}@ours.example`) })
    assert.equal((await stage.messages('anna@ours.example', mailbox)).length, 1, `${detail} ${detailToMailbox}`)
  }
})

test('spam goes to Junk and says why; into INBOX when there is no Junk', async () => {
  const stage = await openStage()
  await stage.run({ verdict: verdict({}, 5) })
  const [message = ''] = await stage.messages('anna@ours.example', 'Junk')
  assert.match(message, /\r\nX-Spam: Yes\r\nX-Spam-Score: 5\.0\r\nX-Spam-Reasons: SOME_REASON=5\r\nReceived/)
  assert.deepEqual(await stage.messages('anna@ours.example'), [])
  await stage.remove('anna@ours.example', 'Junk')
  await stage.run({ queueId: 'Q2', verdict: verdict({}, 5) })
  assert.equal((await stage.messages('anna@ours.example')).length, 1)
})

test('a domain has thresholds of its own', async () => {
  const stage = await openStage()
  await stage.directory.changeDomain('other.example', { junkScore: 9 })
  await stage.run({ verdict: verdict({}, 6), envelope: envelope('a@sender.example', 'anna@ours.example', 'dora@other.example') })
  assert.equal((await stage.messages('anna@ours.example', 'Junk')).length, 1)
  assert.match((await stage.messages('dora@other.example'))[0] ?? '', /\r\nX-Spam: No\r\n/)
})

const failing = (policy: 'none' | 'quarantine' | 'reject', percent = 100) =>
  verdict({ spf: { result: 'fail', domain: 'sender.example', identity: 'mailfrom' }, dmarc: { ...auth().dmarc, result: 'fail', policyDomain: 'sender.example', policy, percent } }, 0)

test('DMARC: none marks, quarantine and a reject that could not be said go to Junk, "mark" obeys nobody', async () => {
  for (const [policy, percent, dmarc, mailbox] of [['none', 100, 'obey', 'INBOX'], ['quarantine', 100, 'obey', 'Junk'], ['quarantine', 0, 'obey', 'INBOX'], ['reject', 100, 'obey', 'Junk'], ['reject', 100, 'mark', 'INBOX'], ['quarantine', 100, 'mark', 'INBOX']] as const) {
    const stage = await openStage()
    await stage.directory.changeDomain('ours.example', { dmarc })
    await stage.run({ verdict: failing(policy, percent) })
    const [message = ''] = await stage.messages('anna@ours.example', mailbox)
    assert.match(message, new RegExp(`dmarc=fail \\(p=${policy} at sender\\.example\\)`), `${policy} ${dmarc}`)
    assert.equal(/\r\nX-Spam: Yes\r\n.*\r\nX-Spam-Reasons: DMARC_POLICY\r\n/.test(message), mailbox === 'Junk', `${policy} ${percent} ${dmarc}`)
  }
})

test('an alias to three targets: one is filed, the remote ones share a note whose reverse path is rewritten', async () => {
  const stage = await openStage()
  await stage.directory.addAlias({ address: 'team@ours.example', targets: ['bert@ours.example', 'one@remote.example', 'two@remote.example'] })
  const answer = await stage.run({ envelope: envelope('a@sender.example', 'team@ours.example') })
  assert.equal((await stage.messages('bert@ours.example')).length, 1)
  const [note, ...others] = outbound(answer)
  assert.ok(note !== undefined && others.length === 0)
  assert.match(note.envelope.mailFrom, /^SRS0=[A-Z2-7]{7}=[A-Z2-7]{2}=sender\.example=a@ours\.example$/)
  assert.deepEqual(note.recipients, [{ address: 'one@remote.example', orcpt: 'rfc822;team@ours.example' }, { address: 'two@remote.example', orcpt: 'rfc822;team@ours.example' }])
  assert.deepEqual(note.envelope.recipients, note.recipients)
  assert.equal(await text(note.content, stage), `Delivered-To: team@ours.example\r\n${body}`)
  assert.equal(note.silent, undefined)
  assert.deepEqual(events(stage, 'forwarded')[0]?.['to'], ['one@remote.example', 'two@remote.example'])
  // The bounce of a forward comes back to the rewritten path, and goes on to the first sender.
  const bounce = await stage.run({ queueId: 'Q2', envelope: envelope('', note.envelope.mailFrom.toLowerCase()) })
  assert.deepEqual(outbound(bounce).map(({ envelope: { mailFrom, recipients } }) => [mailFrom, recipients[0]?.address]), [['', 'a@sender.example']])
})

test('a forward of a sender of ours keeps its reverse path; aliases of two domains speak each for itself', async () => {
  const stage = await openStage()
  await stage.directory.addAlias({ address: 'x@ours.example', targets: ['far@remote.example'] })
  await stage.directory.addAlias({ address: 'y@other.example', targets: ['far@remote.example'] })
  const both = (mailFrom: string) => ({ envelope: envelope(mailFrom, 'x@ours.example', 'y@other.example'), client: { accountId: 'a1' } })
  const ours = outbound(await stage.run(both('anna@ours.example'))).map((note) => note.envelope.mailFrom)
  assert.deepEqual(ours, ['anna@ours.example', 'anna@ours.example'])
  const theirs = outbound(await stage.run(both('a@sender.example'))).map((note) => note.envelope.mailFrom.split('@')[1])
  assert.deepEqual(theirs, ['ours.example', 'other.example'])
})

test('a forged or old rewritten address is nobody’s, whatever catch-all there is', async () => {
  const stage = await openStage()
  await stage.directory.changeDomain('ours.example', { catchAll: 'anna@ours.example' })
  await stage.directory.addAlias({ address: 'x@ours.example', targets: ['far@remote.example'] })
  const path = outbound(await stage.run({ envelope: envelope('a@sender.example', 'x@ours.example') }))[0]?.envelope.mailFrom ?? ''
  for (const address of ['SRS0=AAAAAAA=AA=victim.example=v@ours.example', path.replace('sender', 'victim')]) {
    assert.deepEqual(outbound(await stage.run({ queueId: 'Q2', envelope: envelope('', address) })), [], address)
  }
  stage.clock.time += 22 * 24 * 60 * 60 * 1000
  assert.deepEqual(outbound(await stage.run({ queueId: 'Q3', envelope: envelope('', path) })), [])
  assert.deepEqual(await stage.messages('anna@ours.example'), [])
  assert.equal(events(stage, 'discarded').length, 3)
})

test('what the domain would have refused is not forwarded in its name', async () => {
  const stage = await openStage()
  await stage.directory.addAlias({ address: 'x@ours.example', targets: ['far@remote.example'] })
  const answer = await stage.run({ verdict: verdict({}, 20), envelope: envelope('a@sender.example', 'x@ours.example') })
  assert.deepEqual(outbound(answer), [])
  assert.deepEqual(events(stage, 'discarded')[0]?.['to'], ['far@remote.example'])
})

test('nobody but the proven sender is told: the table of backscatter', async () => {
  const dkim = (domain: string, result: 'pass' | 'fail' = 'pass') => ({ result, domain, selector: 's', algorithm: 'rsa-sha256', identity: `@${domain}`, signature: 'x', aligned: true })
  const noSpf = { result: 'softfail', domain: 'sender.example', identity: 'mailfrom' } as const
  const outside = { address: '192.0.2.1' }
  const cases: [name: string, told: boolean, note: Partial<InboundNote>, checked?: boolean][] = [
    ['SPF passed', true, {}],
    ['SPF failed', false, { verdict: verdict({ spf: noSpf }) }],
    ['SPF passed for the HELO name only', false, { verdict: verdict({ spf: { result: 'pass', domain: 'mail.sender.example', identity: 'helo' } }) }],
    ['DKIM of the sender’s domain', true, { verdict: verdict({ spf: noSpf, dkim: [dkim('sender.example')] }) }],
    ['DKIM of the domain above', true, { envelope: envelope('a@bounces.sender.example', 'nobody@ours.example'), verdict: verdict({ spf: noSpf, dkim: [dkim('sender.example')] }) }],
    ['DKIM of a stranger', false, { verdict: verdict({ spf: noSpf, dkim: [dkim('spammer.example')] }) }],
    ['broken DKIM', false, { verdict: verdict({ spf: noSpf, dkim: [dkim('sender.example', 'fail')] }) }],
    ['null reverse path', false, { envelope: envelope('', 'nobody@ours.example') }],
    ['submitted', true, { client: { address: '192.0.2.1', accountId: 'a1' } }, false],
    ['made here', true, { client: {} }, false],
    ['not checked', false, { client: outside }, false],
    ['trusted, from outside', false, { client: { address: '127.0.0.1' } }, false],
    ['trusted, from one of us', true, { client: { address: '127.0.0.1' }, envelope: envelope('anna@ours.example', 'nobody@ours.example') }, false],
  ]
  for (const [name, may, change, checked = true] of cases) {
    const stage = await openStage()
    const note = inbound({ envelope: envelope('a@sender.example', 'nobody@ours.example'), ...change })
    await stage.check([asNote(checked ? note : unjudged(note))])
    assert.equal(stage.told.length, may ? 1 : 0, name)
    assert.equal(events(stage, may ? 'bounced' : 'discarded').length, 1, name)
  }
})

test('a forward whose sender nothing proves stays silent', async () => {
  const stage = await openStage()
  await stage.directory.addAlias({ address: 'x@ours.example', targets: ['far@remote.example'] })
  const answer = await stage.run({ envelope: envelope('a@sender.example', 'x@ours.example'), verdict: verdict({ spf: { result: 'none', domain: 'sender.example', identity: 'mailfrom' } }) })
  assert.equal(outbound(answer)[0]?.silent, true)
})

test('a recipient found unknown or disabled late bounces, the others get theirs', async () => {
  const stage = await openStage()
  await stage.directory.setDisabled('carl@ours.example', true)
  await stage.run({ envelope: envelope('a@sender.example', 'gone@ours.example', 'carl@ours.example', 'anna@ours.example') })
  assert.equal((await stage.messages('anna@ours.example')).length, 1)
  assert.deepEqual(stage.told[0]?.recipients.map(({ address, last }) => [address, last.status, last.enhancedCode]), [['gone@ours.example', 'failed', '5.1.1'], ['carl@ours.example', 'failed', '5.2.1']])
  assert.deepEqual(events(stage, 'bounced').map(({ to }) => to), ['gone@ours.example', 'carl@ours.example'])
})

test('a full mailbox bounces with 5.2.2, a full domain too, until something is removed', async () => {
  const stage = await openStage()
  await stage.directory.setQuota('anna@ours.example', 400)
  await stage.run({ content: inlineContent(`${body}${'x'.repeat(500)}\r\n`) })
  assert.deepEqual(stage.told[0]?.recipients.map(({ address, last }) => [address, last.enhancedCode]), [['anna@ours.example', '5.2.2']])

  await stage.directory.changeDomain('ours.example', { quotaBytes: 1500 })
  stage.clock.time += 6000
  const large = { content: inlineContent(`${body}${'x'.repeat(700)}\r\n`), envelope: envelope('a@sender.example', 'bert@ours.example') }
  await stage.run({ queueId: 'Q2', ...large })
  assert.equal((await stage.messages('bert@ours.example')).length, 1)
  await stage.run({ queueId: 'Q3', ...large })
  assert.deepEqual(stage.told.map(({ note, recipients }) => [note.queueId, recipients[0]?.last.enhancedCode]), [['Q1', '5.2.2'], ['Q3', '5.2.2']])
  await stage.empty('bert@ours.example')
  stage.clock.time += 61_000
  await stage.run({ queueId: 'Q4', ...large })
  assert.equal(stage.told.length, 2)
  assert.equal((await stage.messages('bert@ours.example')).length, 1)
  assert.ok((await stage.directory.domainUsage('ours.example')) > 0)
})

test('messages side by side do not all find the same room', async () => {
  const stage = await openStage({ accounts: { domainQuotaBytes: 3000 } })
  const notes = Array.from({ length: 10 }, (_, i) => asNote(inbound({ queueId: `Q${i}`, content: inlineContent(`${body}${'x'.repeat(600)}\r\n`) })))
  await stage.check(notes)
  assert.equal((await stage.messages('anna@ours.example')).length, 3)
  assert.equal(stage.told.length, 7)
})

test('a full mailbox is tried again when the settings say so, then bounces', async () => {
  const stage = await openStage({ inbound: { deferOverQuota: true } })
  await stage.directory.setQuota('anna@ours.example', 10)
  const now = stage.clock.now()
  assert.deepEqual(await stage.run({ receivedAt: now }), { kind: 'again', notBefore: now + stage.settings.deferEveryMs })
  assert.deepEqual(stage.told, [])
  stage.clock.time += stage.settings.deferForMs
  assert.equal((await stage.run({ receivedAt: now })).kind, 'done')
  assert.equal(stage.told.length, 1)
})

test('a full mailbox among others waits in a note of its own', async () => {
  const stage = await openStage({ inbound: { deferOverQuota: true } })
  await stage.directory.setQuota('anna@ours.example', 10)
  await stage.directory.addAlias({ address: 'team@ours.example', targets: ['anna@ours.example', 'bert@ours.example', 'far@remote.example'] })
  const answer = await stage.run({ envelope: envelope('a@sender.example', 'team@ours.example') })
  assert.equal((await stage.messages('bert@ours.example')).length, 1)
  assert.equal(outbound(answer).length, 1)
  const [waiting] = sent(answer, 'inbound')
  assert.ok(waiting?.note.kind === 'inbound')
  assert.deepEqual(waiting.note.envelope.recipients, [{ address: 'anna@ours.example' }])
  assert.equal(waiting.notBefore, stage.clock.now() + stage.settings.deferEveryMs)
  await stage.directory.setQuota('anna@ours.example', 0)
  assert.deepEqual(await stage.run(waiting.note, waiting.id), { kind: 'done', then: [] })
  assert.equal((await stage.messages('anna@ours.example')).length, 1)
})

test('mail that comes back to where it was delivered is a loop, for that address only', async () => {
  const stage = await openStage()
  await stage.directory.addAlias({ address: 'team@ours.example', targets: ['far@remote.example'] })
  await stage.run({ content: inlineContent(`Received: x\r\nDelivered-To: Team@Ours.Example\r\n${body}`), envelope: envelope('a@sender.example', 'team@ours.example', 'anna@ours.example') })
  assert.deepEqual(stage.told[0]?.recipients.map(({ address, last }) => [address, last.enhancedCode]), [['team@ours.example', '5.4.6']])
  assert.equal((await stage.messages('anna@ours.example')).length, 1)
})

test('mail with too many Received fields is a loop', async () => {
  const stage = await openStage()
  await stage.run({ content: inlineContent(`${'Received: x\r\n'.repeat(101)}\r\n`) })
  assert.deepEqual(stage.told[0]?.recipients.map(({ last }) => last.enhancedCode), ['5.4.6'])
  assert.deepEqual(await stage.messages('anna@ours.example'), [])
})

test('NOTIFY=SUCCESS hears of delivery, of expansion, and passes on through an alias to one target', async () => {
  const stage = await openStage()
  await stage.directory.addAlias({ address: 'team@ours.example', targets: ['bert@ours.example', 'far@remote.example'] })
  await stage.directory.addAlias({ address: 'one@ours.example', targets: ['single@remote.example'] })
  const notify = ['SUCCESS', 'FAILURE'] as const
  const recipients = ['anna@ours.example', 'team@ours.example', 'one@ours.example'].map((address) => ({ address, notify, orcpt: `rfc822;${address}` }))
  const answer = await stage.run({ envelope: { mailFrom: 'a@sender.example', recipients } })
  assert.deepEqual(stage.told[0]?.recipients.map(({ address, last }) => [address, last.status]), [['anna@ours.example', 'delivered'], ['team@ours.example', 'expanded']])
  assert.deepEqual(outbound(answer).flatMap((note) => note.recipients), [
    { address: 'far@remote.example', notify: ['FAILURE'], orcpt: 'rfc822;team@ours.example' },
    { address: 'single@remote.example', notify: ['SUCCESS', 'FAILURE'], orcpt: 'rfc822;one@ours.example' },
  ])
})

test('a fault fails its own note only, and is logged whole', async () => {
  const stage = await openStage()
  const bert = await stage.directory.user('bert@ours.example')
  const opened = stage.mail.openForFiling.bind(stage.mail)
  stage.mail.openForFiling = (id) => (id === bert?.id ? Promise.reject(new EngineUnavailableError('throttled')) : opened(id))
  const answers = await stage.check([asNote(inbound({ queueId: 'Q1' })), asNote(inbound({ queueId: 'Q2', envelope: envelope('a@sender.example', 'bert@ours.example') })), { id: 'Q3', body: Buffer.from('rubbish'), receives: 1, sentAt: 0 }])
  assert.deepEqual(answers.map(({ kind }) => kind), ['done', 'failed', 'failed'])
  assert.deepEqual(events(stage, 'check-failed').map(({ note }) => note), ['Q3', 'Q2'])
  assert.deepEqual(stage.told, [])
})

test('mail for an account that is made anew at this very moment is no mail for nobody: it waits, and is filed into the new one', async () => {
  const stage = await openStage()
  await stage.run({ queueId: 'Q0' })
  const { id = '' } = (await stage.directory.user('anna@ours.example')) ?? {}
  stage.engine.before = async (call, key) => {
    if (call !== 'put' || !key.startsWith(`mail/${id}/`)) return
    stage.engine.before = async () => undefined
    await beginAnew(stage.deps, id)
  }
  assert.equal((await stage.run({})).kind, 'failed')
  assert.deepEqual(await stage.run({}), { kind: 'done', then: [] })
  assert.deepEqual([stage.told, (await stage.messages('anna@ours.example')).length], [[], 1])
})
