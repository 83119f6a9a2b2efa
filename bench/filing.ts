/**
 * The check alone: notes of 10 KB from the queue into mailboxes on the embedded engine, without SMTP.
 * By hand: node bench/filing.ts [messages] [octets] [accounts] [directory]
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import { openEmbeddedEngine } from '#lib/engine/embedded/open.ts'
import { Directory } from '#lib/mail/accounts/directory.ts'
import { makeCheckInbound } from '#lib/mail/inbound/checkInbound.ts'
import { MailStore } from '#lib/mail/mailbox/store.ts'
import { makeResolve } from '#lib/mail/rules/recipients.ts'
import { contentOf } from '#lib/mail/transit/content.ts'
import { encodeNote } from '#lib/mail/transit/note.ts'

const messages = Number(process.argv[2] ?? 1000)
const octets = Number(process.argv[3] ?? 10_240)
const accounts = Number(process.argv[4] ?? 10)
const parent = process.argv[5] ?? join(import.meta.dirname, '..')

const words = 'the of and a to in is you that it he was for on are as with his they at be this have from or one had by word but not what all were we when your can said there use an each which she do how their if'.split(' ')
let state = 1
const random = (most: number) => (state = (state * 48271) % 2147483647) % most

function compose(number: number): Buffer {
  let body = ''
  while (body.length < octets - 700) body += `${Array.from({ length: 12 }, () => words[random(words.length)]).join(' ')} ${random(1e9)}\r\n`
  return Buffer.from(`Received: from mail.sender.example ([192.0.2.1])\r\n\tby mx.ours.example with ESMTPS\r\n\tid Q${number};\r\n\tTue, 24 Nov 2026 12:00:00 +0000\r\nFrom: Ann Sender <ann@sender.example>\r\nTo: user@ours.example\r\nSubject: message number ${number}\r\nDate: Tue, 24 Nov 2026 12:00:00 +0000\r\nMessage-ID: <${number}.${random(1e9)}@sender.example>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n${body}`)
}

const folder = await mkdtemp(join(parent, 'bench-filing-'))
const config = defaultConfig()
const log = makeLog((event) => event.level === 'error' && console.log(event), { now: Date.now })
const engine = await openEmbeddedEngine({ directory: folder, clock: systemClock, log, settings: config.engine })
try {
  const { table, blobs, queue, bell } = engine
  const directory = new Directory({ table, clock: systemClock, settings: { ...config.accounts, scryptCost: 4, scryptParallel: 1, scramIterations: 4096 } })
  await directory.addDomain({ name: 'ours.example' })
  for (let i = 0; i < accounts; i++) await directory.addUser({ address: `user${i}@ours.example`, password: 'a long password' })
  const mail = new MailStore({ table, blobs, bell, clock: systemClock, log, settings: config.mailbox })
  const check = makeCheckInbound({ directory, resolve: makeResolve({ directory, clock: systemClock, maxAgeDays: 21 }), mail, table, blobs, clock: systemClock, log, hostname: 'mx.ours.example', settings: config.inbound, maxHops: 100, isTrusted: () => false, report: async () => undefined })
  for (let at = 0; at < messages; at += 10) {
    const notes = await Promise.all(
      Array.from({ length: 10 }, async (_, i) => {
        const content = await contentOf(blobs, `transit/Q${at + i}`, compose(at + i), {})
        const verdict = { draw: 1, spam: { score: 0.5, reasons: [{ name: 'SUBJECT_MARK', points: 0.5 }] } }
        return { id: `Q${at + i}`, body: encodeNote({ kind: 'inbound', queueId: `Q${at + i}`, receivedAt: Date.now(), envelope: { mailFrom: 'ann@sender.example', recipients: [{ address: `user${(at + i) % accounts}@ours.example` }] }, client: { address: '192.0.2.1' }, content, verdict }) }
      }),
    )
    await queue.send('inbound', notes)
  }
  const cpu = process.cpuUsage()
  const begun = performance.now()
  let done = 0
  await new Promise<void>((resolve) => {
    const options = { batchNotes: 10, concurrency: config.queue.inboundAtOnce, visibilityMs: config.queue.visibilityMs, maxReceives: config.queue.maxReceives }
    queue.consume('inbound', options, async (notes) => {
      const answers = await check(notes)
      done += answers.filter(({ kind }) => kind === 'done').length
      if (done === messages) resolve()
      return answers
    })
  })
  const seconds = (performance.now() - begun) / 1000
  const used = process.cpuUsage(cpu)
  console.log(`${messages} messages of ${octets} octets into ${accounts} accounts: ${Math.round(messages / seconds)} a second, ${(((used.user + used.system) / 1e6 / messages) * 1000).toFixed(2)} CPU seconds per 1,000, ${Math.round(process.memoryUsage().rss / 1024 / 1024)} MiB`)
  await mail.close()
} finally {
  await engine.close()
  await rm(folder, { recursive: true })
}
