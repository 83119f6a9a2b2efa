import assert from 'node:assert/strict'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, it } from 'node:test'
import { Stage, curl, eventually, message, missing, password, run, startDns, startPostfix, startServer } from './harness.ts'
import type { Pennypost, Postfix } from './harness.ts'

const reason = missing('swaks', 'curl', 'postfix', 'dnsmasq')

/** A Postfix policy service that says "later" the first time it sees a recipient, as greylisting does. */
async function startGreylist(stage: Stage): Promise<number> {
  const seen = new Set<string>()
  const server = createServer((socket) => {
    let recipient = ''
    socket.on('error', () => socket.destroy())
    createInterface({ input: socket }).on('line', (line) => {
      if (line.startsWith('recipient=')) recipient = line.slice('recipient='.length)
      if (line !== '') return
      const action = recipient.startsWith('grey') && !seen.has(recipient) ? 'DEFER_IF_PERMIT 4.7.1 Greylisted, come back later' : 'DUNNO'
      seen.add(recipient)
      socket.write(`action=${action}\n\n`)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  stage.onEnd(async () => void server.close())
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

describe('submissions reach a real remote host that only DNS names', { skip: reason }, () => {
  const stage = new Stage()
  let server: Pennypost
  let remote: Postfix

  before(async () => {
    const policy = await startGreylist(stage)
    // The first MX of remote.test is an address where nobody listens; late.test has no host that answers at all.
    const dns = await startDns(stage, [
      'mx-host=remote.test,down.remote.test,10', 'mx-host=remote.test,mx.remote.test,20',
      'host-record=down.remote.test,127.0.0.12', 'host-record=mx.remote.test,127.0.0.10',
      'mx-host=late.test,mx.late.test,10', 'host-record=mx.late.test,127.0.0.13',
      'mx-host=ours.test,mx.ours.test,10', 'host-record=mx.ours.test,127.0.0.1',
    ])
    remote = await startPostfix(stage, {
      address: '127.0.0.10', hostname: 'mx.remote.test', domain: 'remote.test', users: ['carol', 'grey', 'one', 'two'],
      settings: { smtpd_recipient_restrictions: `check_policy_service inet:127.0.0.1:${policy}, permit` },
    })
    server = await startServer(stage, { dnsPort: dns, settings: ['outbound.allowLoopback=yes', 'outbound.retryMs=1s,2s,2s,2s,60s', 'outbound.warnMs=3s'] })
  })
  after(() => stage.end())

  const submit = async (to: string, subject: string, ...more: string[]): Promise<void> => {
    await run('swaks', ['--server', '127.0.0.1', '--port', String(server.port(587)), '--tls', '--auth', 'PLAIN', '--auth-user', 'alice@ours.test', '--auth-password', password, '--from', 'alice@ours.test', '--to', to, '--header', `Subject: ${subject}`, ...more])
  }
  const remoteMail = async (user: string, subject: string): Promise<string> =>
    await eventually(`${subject} reaches ${user}`, () => {
      const folder = join(remote.maildir(user), 'new')
      if (!existsSync(folder)) return undefined
      return readdirSync(folder).map((file) => readFileSync(join(folder, file), 'latin1')).find((text) => text.includes(`Subject: ${subject}`))
    })
  const inbox = async (subject: string): Promise<string> =>
    await eventually(`${subject} is in the sender's mailbox`, async () => {
      const { stdout } = await curl(`imaps://127.0.0.1:${server.port(993)}/INBOX?SUBJECT%20${encodeURIComponent(`"${subject}"`)}`, 'alice@ours.test')
      const number = /SEARCH (\d+)/.exec(stdout)?.[1]
      return number === undefined ? undefined : (await curl(`imaps://127.0.0.1:${server.port(993)}/INBOX;MAILINDEX=${number}`, 'alice@ours.test')).stdout
    }, 30_000)

  it('the second MX takes it when the first is down, signed and with what was missing', async () => {
    await submit('carol@remote.test', 'by the second MX')
    const text = await remoteMail('carol', 'by the second MX')
    assert.match(text, /^DKIM-Signature: [^\n]*v=1/m)
    assert.match(text, /^Message-ID: </im)
    assert.match(text, /^Received: from mx\.ours\.test /m)
    assert.doesNotMatch(text, /^Received: .*127\.0\.0\.1[^]*alice@ours\.test.*password/m)
  })

  it('curl submits over implicit TLS', async () => {
    const { code } = await run('curl', ['-sS', '-k', '--url', `smtps://127.0.0.1:${server.port(465)}`, '--user', `alice@ours.test:${password}`, '--mail-from', 'alice@ours.test', '--mail-rcpt', 'carol@remote.test', '--upload-file', '-'], { input: message({ from: 'alice@ours.test', to: 'carol@remote.test', subject: 'by curl', more: 'Bcc: hidden@remote.test\r\n' }) })
    assert.equal(code, 0)
    assert.doesNotMatch(await remoteMail('carol', 'by curl'), /Bcc|hidden@/)
  })

  it('greylisting is outlived', async () => {
    await submit('grey@remote.test', 'through the grey')
    const deferred = await server.event('deferred', (line) => JSON.stringify(line).includes('grey@remote.test'))
    assert.match(JSON.stringify(deferred), /Greylisted/)
    await remoteMail('grey', 'through the grey')
  })

  it('a refused recipient bounces, and the other one gets it', async () => {
    await submit('nobody@remote.test,carol@remote.test', 'half refused')
    await remoteMail('carol', 'half refused')
    const bounce = await inbox('Undeliver')
    assert.match(bounce, /Content-Type: multipart\/report;[^]*report-type="?delivery-status"?/i)
    assert.match(bounce, /Final-Recipient: rfc822; ?nobody@remote\.test\r\nAction: failed\r\nStatus: 5\.1\.1/i)
    assert.match(bounce, /Subject: half refused/)
  })

  it('a delay is told to the sender, and the queue shows what waits and why', async () => {
    await submit('dave@late.test', 'late')
    const warning = await inbox('Delayed')
    assert.match(warning, /Action: delayed/i)
    // The last step of the schedule leaves time to act on what the list says.
    const waiting = async () => JSON.parse((await server.cli('queue', 'list', '--json')).stdout) as { id: string; to: { address: string }[]; why?: string; next?: string }[]
    const entry = await eventually('the last step of the schedule', async () => (await waiting()).find(({ to, next }) => to.some(({ address }) => address === 'dave@late.test') && next !== undefined && Date.parse(next) > Date.now() + 20_000))
    assert.ok(entry.why !== undefined, JSON.stringify(entry))
    await server.cli('queue', 'hold', entry.id)
    assert.match((await server.cli('queue', 'list')).stdout, /held/)
    await server.cli('queue', 'drop', entry.id)
    assert.doesNotMatch((await server.cli('queue', 'list')).stdout, /dave@late\.test/)
  })

  it('an alias to three targets reaches a local user and two remote ones', async () => {
    await server.cli('alias', 'add', 'team@ours.test', 'bob@ours.test', 'one@remote.test', 'two@remote.test')
    await submit('team@ours.test', 'to the team')
    for (const user of ['one', 'two']) await remoteMail(user, 'to the team')
    await server.event('filed', (line) => JSON.stringify(line).includes('bob@ours.test'))
  })

  it('relaying is refused and nobody sends as somebody else', async () => {
    const relay = await run('swaks', ['--server', '127.0.0.1', '--port', String(server.port(25)), '--from', 'x@example.com', '--to', 'carol@remote.test', '--quit-after', 'RCPT'], { mayFail: true })
    assert.match(relay.stdout, /<\*\* 55\d 5\.7\.1/)
    const forged = await run('swaks', ['--server', '127.0.0.1', '--port', String(server.port(587)), '--tls', '--auth', 'PLAIN', '--auth-user', 'alice@ours.test', '--auth-password', password, '--from', 'bob@ours.test', '--to', 'carol@remote.test'], { mayFail: true })
    assert.match(forged.stdout, /<~\* 55\d 5\.7\.1/)
    const early = await run('swaks', ['--server', '127.0.0.1', '--port', String(server.port(587)), '--auth', 'PLAIN', '--auth-user', 'alice@ours.test', '--auth-password', password, '--from', 'alice@ours.test', '--to', 'carol@remote.test'], { mayFail: true })
    assert.notEqual(early.code, 0)
    assert.doesNotMatch(early.stdout, /235/)
  })

  it('a full mailbox bounces to the sender', async () => {
    await server.addUser('small@ours.test', '--quota', '20KiB')
    await submit('small@ours.test', 'too big for small', '--body', 'x'.repeat(50_000).replace(/.{70}/g, '$&\n'))
    assert.match(await inbox('Undeliverable: too big for small'), /5\.2\.2/)
  })
})

describe('two pennypost servers write to each other', { skip: reason }, () => {
  const stage = new Stage()
  after(() => stage.end())

  it('by MX, with TLS between them', async () => {
    const dns = await startDns(stage, ['mx-host=left.test,mx.left.test,10', 'mx-host=right.test,mx.right.test,10', 'host-record=mx.left.test,127.0.0.1', 'host-record=mx.right.test,127.0.0.1'])
    const right = await startServer(stage, { domain: 'right.test', users: ['rita'], dnsPort: dns, settings: ['outbound.allowLoopback=yes'] })
    const left = await startServer(stage, { domain: 'left.test', users: ['lars'], dnsPort: dns, settings: ['outbound.allowLoopback=yes', `outbound.port=${right.port(25)}`] })
    await run('swaks', ['--server', '127.0.0.1', '--port', String(left.port(587)), '--tls', '--auth', 'LOGIN', '--auth-user', 'lars@left.test', '--auth-password', password, '--from', 'lars@left.test', '--to', 'rita@right.test', '--header', 'Subject: across'])
    await right.event('filed')
    const { stdout } = await curl(`imaps://127.0.0.1:${right.port(993)}/INBOX;MAILINDEX=1`, 'rita@right.test')
    assert.match(stdout, /Subject: across/)
    assert.match(stdout, /by mx\.right\.test[^]*?with ESMTPS/)
    assert.match(stdout, /Authentication-Results: mx\.right\.test/)
  })
})
