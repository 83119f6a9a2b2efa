import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { ImapFlow } from 'imapflow'
import { Stage, curl, eventually, message, missing, password, run, startDns, startPostfix, startServer } from './harness.ts'
import type { Pennypost, Postfix } from './harness.ts'

const reason = missing('swaks', 'curl', 'postfix', 'mbsync', 'fetchmail', 'mutt', 'dnsmasq')

describe('mail from real senders is read by real clients', { skip: reason }, () => {
  const stage = new Stage()
  let server: Pennypost
  let postfix: Postfix

  before(async () => {
    const dns = await startDns(stage, ['mx-host=ours.test,mx.ours.test,10', 'host-record=mx.ours.test,127.0.0.1', 'host-record=sender.test,127.0.0.9', 'txt-record=sender.test,v=spf1 ip4:127.0.0.0/8 -all'])
    server = await startServer(stage, { dnsPort: dns, users: ['alice', 'bob', 'dora', 'erik'] })
    postfix = await startPostfix(stage, { address: '127.0.0.9', hostname: 'mail.sender.test', settings: { relayhost: `[127.0.0.1]:${server.port(25)}` } })
    await postfix.sendmail('ann@sender.test', ['alice@ours.test'], message({ from: 'ann@sender.test', to: 'alice@ours.test', subject: 'from Postfix' }))
    await server.event('filed')
    await run('swaks', ['--server', '127.0.0.1', '--port', String(server.port(25)), '--from', 'ann@sender.test', '--to', 'alice@ours.test', '--header', 'Subject: from swaks', '--body', 'Hello from swaks.', '--tls'])
    await eventually('two messages are filed', () => server.events.filter((line) => line.event === 'filed').length >= 2)
  })
  after(() => stage.end())

  it('curl lists and fetches over IMAPS', async () => {
    const { stdout } = await curl(`imaps://127.0.0.1:${server.port(993)}/INBOX`, 'alice@ours.test', '-X', 'FETCH 1:* (FLAGS ENVELOPE)')
    assert.match(stdout, /from Postfix/)
    assert.match(stdout, /from swaks/)
    const body = await curl(`imaps://127.0.0.1:${server.port(993)}/INBOX;MAILINDEX=1`, 'alice@ours.test')
    assert.match(body.stdout, /^Return-Path: <ann@sender\.test>\r\n/)
    assert.match(body.stdout, /\r\nReceived: from mail\.sender\.test /)
    assert.match(body.stdout, /\r\n\r\nHello\.\r\n$/)
  })

  it('curl searches over STARTTLS IMAP', async () => {
    const { stdout } = await curl(`imap://127.0.0.1:${server.port(143)}/INBOX?SUBJECT%20swaks`, 'alice@ours.test', '--ssl-reqd')
    assert.match(stdout, /^\* SEARCH 2\r?\n/m)
  })

  it('curl reads over POP3S and over STLS', async () => {
    const list = await curl(`pop3s://127.0.0.1:${server.port(995)}/`, 'alice@ours.test')
    assert.equal(list.stdout.trim().split('\n').length, 2)
    const second = await curl(`pop3://127.0.0.1:${server.port(110)}/2`, 'alice@ours.test', '--ssl-reqd')
    assert.match(second.stdout, /Hello from swaks\./)
  })

  it('mbsync mirrors every mailbox, and what it pushes comes back', async () => {
    const local = stage.path('mbsync')
    mkdirSync(local)
    const configuration = stage.path('mbsyncrc')
    writeFileSync(configuration, `IMAPAccount ours\nHost 127.0.0.1\nPort ${server.port(993)}\nUser alice@ours.test\nPass "${password}"\nSSLType IMAPS\nCertificateFile ${server.data}/tls/cert.pem\n\nIMAPStore far\nAccount ours\n\nMaildirStore near\nPath ${local}/\nInbox ${local}/INBOX\nSubFolders Verbatim\n\nChannel all\nFar :far:\nNear :near:\nPatterns *\nCreate Both\nExpunge Both\nSyncState *\n`)
    await run('mbsync', ['-c', configuration, '-a'])
    assert.equal([...readdirSync(`${local}/INBOX/cur`), ...readdirSync(`${local}/INBOX/new`)].length, 2)
    for (const mailbox of ['Drafts', 'Sent', 'Junk', 'Trash']) assert.ok(readdirSync(local).includes(mailbox), mailbox)
    writeFileSync(`${local}/Drafts/cur/1.local:2,DS`, message({ from: 'alice@ours.test', to: 'x@example.com', subject: 'a draft made here' }))
    await run('mbsync', ['-c', configuration, '-a'])
    const { stdout } = await curl(`imaps://127.0.0.1:${server.port(993)}/Drafts`, 'alice@ours.test', '-X', 'FETCH 1:* (FLAGS ENVELOPE)')
    assert.match(stdout, /a draft made here/)
    assert.match(stdout, /\\Draft/)
  })

  it('mutt shows the mailbox', async () => {
    const configuration = stage.path('muttrc')
    writeFileSync(configuration, `set folder="imaps://127.0.0.1:${server.port(993)}/"\nset imap_user="alice@ours.test"\nset imap_pass="${password}"\nset spoolfile="+INBOX"\nset ssl_force_tls=yes\nset certificate_file="${server.data}/tls/cert.pem"\nset ssl_verify_host=no\nset header_cache=""\nset quit=yes\n`)
    const copy = stage.path('mutt-copy')
    const keys = `<tag-pattern>~A<enter><tag-prefix><copy-message>${copy}<enter>y<exit>`
    writeFileSync(configuration, `${readFileSync(configuration, 'utf8')}set mbox_type=mbox\nset confirmappend=no\nset confirmcreate=no\nset sleep_time=0\npush "${keys.replace('y<exit>', '<exit>')}"\n`)
    await run('script', ['-qec', `mutt -F ${configuration}`, '/dev/null'], { env: { TERM: 'xterm', HOME: stage.directory }, timeoutMs: 30_000, mayFail: true })
    const mbox = readFileSync(copy, 'latin1')
    assert.match(mbox, /Subject: from Postfix/)
    assert.match(mbox, /Subject: from swaks/)
  })

  it('fetchmail takes mail away over POP3', async () => {
    for (const number of [1, 2, 3]) await run('swaks', ['--server', '127.0.0.1', '--port', String(server.port(25)), '--from', 'ann@sender.test', '--to', 'dora@ours.test', '--header', `Subject: for fetchmail ${number}`])
    await eventually('three are filed', () => server.events.filter((line) => line.event === 'filed' && String(line['account']).includes('dora')).length >= 3)
    const configuration = stage.path('fetchmailrc')
    const mail = stage.path('fetched')
    writeFileSync(configuration, `poll 127.0.0.1 protocol POP3 port ${server.port(995)}\n  user "dora@ours.test" password "${password}" ssl sslproto "auto" no sslcertck\n  nokeep mda "cat >>${mail}"\n`, { mode: 0o600 })
    await run('fetchmail', ['-f', configuration, '--nodetach', '--nosyslog', '--pidfile', stage.path('fetchmail.pid'), '-i', stage.path('ids')], { env: { HOME: stage.directory } })
    assert.equal(readFileSync(mail, 'latin1').match(/^Subject: for fetchmail/gm)?.length, 3)
    const left = await curl(`pop3s://127.0.0.1:${server.port(995)}/`, 'dora@ours.test')
    assert.equal(left.stdout.trim(), '')
  })

  it('imapflow sees new mail while it is idle, flags it, moves it and deletes it', async () => {
    const client = new ImapFlow({ host: '127.0.0.1', port: server.port(993), secure: true, auth: { user: 'erik@ours.test', pass: password }, tls: { rejectUnauthorized: false }, logger: false })
    await client.connect()
    await client.mailboxOpen('INBOX')
    const news = new Promise<void>((resolve) => client.once('exists', () => resolve()))
    const idle = client.idle()
    await run('swaks', ['--server', '127.0.0.1', '--port', String(server.port(25)), '--from', 'ann@sender.test', '--to', 'erik@ours.test', '--header', 'Subject: news'])
    await news
    await client.messageFlagsAdd('1', ['\\Flagged', '$label1'])
    await idle
    const flagged = await client.fetchOne('1', { flags: true, envelope: true, source: true })
    assert.ok(flagged !== false)
    assert.deepEqual([...(flagged.flags ?? [])].sort(), ['$label1', '\\Flagged'])
    assert.equal(flagged.envelope?.subject, 'news')
    await client.mailboxCreate('Projects/Überraschung')
    const count = async (): Promise<number | undefined> => {
      const status = await client.status('Projects/Überraschung', { messages: true })
      return status === false ? undefined : status.messages
    }
    const moved = await client.messageMove('1', 'Projects/Überraschung')
    assert.ok(moved !== false && moved.uidMap?.size === 1)
    assert.equal(await count(), 1)
    await client.mailboxOpen('Projects/Überraschung')
    assert.ok(await client.messageDelete('1:*'))
    assert.equal(await count(), 0)
    await client.logout()
  })
})
