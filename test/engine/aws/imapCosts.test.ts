/**
 * What IMAP costs on AWS: on this engine the scenarios of docs/performance.md count requests, units and money instead of time. The
 * counts go into imapCosts.json and from there into docs/aws.md: with PENNYPOST_MEASURE=write this test writes both anew, else it checks them.
 */
import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { after, before, describe, it } from 'node:test'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import type { AwsEngine } from '#lib/engine/aws/engine.ts'
import { Meter } from '#lib/engine/aws/meter.ts'
import { dollarsOf, mapCounts } from '#lib/engine/aws/prices.ts'
import type { Counts } from '#lib/engine/aws/prices.ts'
import { appendMessage } from '#lib/mail/mailbox/append.ts'
import { createMailbox } from '#lib/mail/mailbox/mailboxes.ts'
import { loadAccount } from '#lib/mail/mailbox/load.ts'
import { MailStore } from '#lib/mail/mailbox/store.ts'
import { Client } from '#test/serve/imap/client.ts'
import { openStage } from '#test/serve/imap/stage.ts'
import { makeAccount } from './account.ts'
import type { Account } from './account.ts'
import { startEmulator } from './emulators.ts'
import { keepMeasured } from './measured.ts'
import { sampleMessage } from './meteredMail.ts'

const emulator = await startEmulator('ministack')
const place = new URL('imapCosts.json', import.meta.url)
/** More than a piece of the text index has. */
const messages = 1100
const mailboxes = 100

/** A front task of its own. */
interface Front {
  readonly engine: AwsEngine
  readonly store: MailStore
  enter(): Promise<Client>
  close(): Promise<void>
}

/** What each may cost at most, in cents for a thousand of it. */
const budgets = {
  'LOGIN and SELECT, in a task that does not have the account open': 0.1,
  'SELECT again': 0.02,
  'UID FETCH 1:* (FLAGS)': 0.02,
  'FETCH 1:* (ENVELOPE BODYSTRUCTURE)': 2.5,
  'FETCH of 100 whole messages': 5,
  'STORE 1:* of one flag': 0.1,
  'COPY of 500': 0.1,
  'MOVE of 500': 0.1,
  'UID EXPUNGE of 500': 0.1,
  'APPEND of 10 KB': 0.65,
  'MULTIAPPEND of ten of 10 KB': 2,
  'SELECT (QRESYNC ...) after 1 change': 0.02,
  'SELECT (QRESYNC ...) after 200 changes': 0.1,
  'LIST with STATUS of 100 mailboxes': 0.02,
  'SEARCH TEXT, the first one, which makes the index': 60,
  'SEARCH TEXT again, for another word': 0.1,
  'SEARCH TEXT in a task that does not have the index in memory': 5,
  'IDLE, and news of one message of 10 KB': 1,
} as const
type Scenario = keyof typeof budgets

describe('What IMAP costs', { skip: typeof emulator === 'string' && emulator }, () => {
  const endpoint = typeof emulator === 'string' ? '' : emulator.endpoint
  const meter = new Meter()
  const fronts: Front[] = []
  const measured = new Map<Scenario, Counts>()
  let account: Account
  let front: Front
  let client: Client

  const openFront = async (): Promise<Front> => {
    const { aws, mailbox } = defaultConfig()
    const engine = await account.open({ clients: account.makeClients(), meter, settings: { ...aws, pollMs: 20_000 } })
    const log = makeLog(() => undefined, { now: Date.now })
    const store = new MailStore({ table: engine.table, blobs: engine.blobs, bell: engine.bell, clock: systemClock, log, settings: mailbox })
    const stage = await openStage({ clock: systemClock, deps: { store } })
    const opened: Front = {
      engine, store,
      enter: async () => await Client.enter(stage.connect(), 'anna'),
      async close() {
        await stage.stop(0)
        await store.close()
        await engine.close()
      },
    }
    fronts.push(opened)
    return opened
  }
  const fill = async (target: string, count: number): Promise<void> => {
    const mail = await front.store.open('anna')
    await Promise.all(Array.from({ length: count }, async (_, index) => appendMessage(mail, { mailboxName: target, flags: [], content: sampleMessage(3000, index), crlf: true })))
    mail.release()
  }
  const literal = (seed: number): string => {
    const message = Buffer.from(sampleMessage(10_000, seed)).toString('latin1')
    return `{${message.length}+}\r\n${message}`
  }
  /** Once everything that it set going is done. */
  const quiet = async (): Promise<void> => {
    for (const { store, engine } of fronts) {
      await store.settle()
      await engine.settled()
    }
  }
  const measure = async (scenario: Scenario, work: () => Promise<unknown>): Promise<void> => {
    await quiet()
    const start = meter.counts()
    await work()
    await quiet()
    const end = meter.counts()
    measured.set(scenario, mapCounts((thing) => end[thing] - start[thing]))
  }

  before(async () => {
    if (typeof emulator === 'string') return
    account = await makeAccount(endpoint)
    front = await openFront()
    await fill('INBOX', messages)
    const mail = await front.store.open('anna')
    for (let index = 0; index < mailboxes; index++) await createMailbox(mail, { name: `Folder ${index}` })
    mail.release()
    const { state, snapshots } = await loadAccount({ ...front.engine, clock: systemClock, log: makeLog(() => undefined, { now: Date.now }), settings: defaultConfig().mailbox }, 'anna')
    await snapshots.write(state)
    client = await front.enter()
  })
  after(async () => {
    await client.close()
    for (const each of fronts) await each.close()
    if (typeof emulator !== 'string') await emulator.stop()
  })

  it('of reading', async () => {
    const cold = await openFront()
    await measure('LOGIN and SELECT, in a task that does not have the account open', async () => {
      const first = await cold.enter()
      await first.ok('SELECT INBOX')
      await first.close()
    })
    await client.ok('SELECT INBOX')
    await measure('SELECT again', async () => client.ok('SELECT INBOX'))
    await measure('UID FETCH 1:* (FLAGS)', async () => assert.equal((await client.ok('UID FETCH 1:* (FLAGS)')).untagged.length, messages))
    await measure('FETCH 1:* (ENVELOPE BODYSTRUCTURE)', async () => assert.equal((await client.ok('FETCH 1:* (ENVELOPE BODYSTRUCTURE)')).untagged.length, messages))
    await measure('FETCH of 100 whole messages', async () => client.ok('FETCH 201:300 BODY.PEEK[]'))
    await measure('LIST with STATUS of 100 mailboxes', async () => assert.ok((await client.ok('LIST "" "Folder*" RETURN (STATUS (MESSAGES UIDNEXT UNSEEN SIZE))')).untagged.length >= 2 * mailboxes))
  })

  it('of searching in text', async () => {
    await measure('SEARCH TEXT, the first one, which makes the index', async () => client.ok('SEARCH TEXT water'))
    await measure('SEARCH TEXT again, for another word', async () => client.ok('SEARCH TEXT people'))
    const other = await (await openFront()).enter()
    await other.ok('SELECT INBOX')
    await measure('SEARCH TEXT in a task that does not have the index in memory', async () => other.ok('SEARCH TEXT water'))
    await other.close()
  })

  it('of changing', async () => {
    await measure('STORE 1:* of one flag', async () => client.ok('STORE 1:* +FLAGS.SILENT (\\Flagged)'))
    await measure('COPY of 500', async () => client.ok('COPY 1:500 "Folder 1"'))
    await measure('MOVE of 500', async () => client.ok('MOVE 501:1000 "Folder 2"'))
    await client.ok('UID STORE 1:500 +FLAGS.SILENT (\\Deleted)')
    await measure('UID EXPUNGE of 500', async () => client.ok('UID EXPUNGE 1:500'))
    await measure('APPEND of 10 KB', async () => client.ok(`APPEND INBOX ${literal(1)}`))
    await measure('MULTIAPPEND of ten of 10 KB', async () => client.ok(`APPEND INBOX ${Array.from({ length: 10 }, (_, index) => literal(10 + index)).join(' ')}`))
  })

  it('of coming back, and of waiting', async () => {
    const other = await front.enter()
    const [, modSeq = ''] = /HIGHESTMODSEQ (\d+)/.exec((await other.ok('SELECT "Folder 1"')).untagged.join(' ')) ?? []
    const [, validity = ''] = /UIDVALIDITY (\d+)/.exec((await other.ok('SELECT "Folder 1"')).untagged.join(' ')) ?? []
    await other.ok('ENABLE QRESYNC')
    await other.ok('UNSELECT')
    const writers = await openFront()
    const writer = await writers.enter()
    await writer.ok('SELECT "Folder 1"')
    const comeBack = async (): Promise<number> => {
      const { untagged } = await other.ok(`SELECT "Folder 1" (QRESYNC (${validity} ${modSeq}))`)
      await other.ok('UNSELECT')
      return untagged.filter((line) => line.includes('FETCH')).length
    }
    await writer.ok('UID STORE 7 +FLAGS.SILENT ($Forwarded)')
    await measure('SELECT (QRESYNC ...) after 1 change', async () => assert.equal(await comeBack(), 1))
    for (let uid = 1; uid <= 200; uid++) await writer.ok(`UID STORE ${uid} -FLAGS.SILENT (\\Flagged)`)
    await measure('SELECT (QRESYNC ...) after 200 changes', async () => assert.equal(await comeBack(), 200))
    await writer.ok('SELECT INBOX')
    await other.ok('SELECT INBOX')
    await measure('IDLE, and news of one message of 10 KB', async () => {
      other.send(`${other.nextTag} IDLE\r\n`)
      assert.match(await other.response(), /^\+/)
      await quiet()
      await writer.ok(`APPEND INBOX ${literal(50)}`)
      assert.match(await other.response(), /EXISTS/)
      other.send('DONE\r\n')
      while (!/^t\d+ OK/.test(await other.response()));
    })
    await Promise.all([other.close(), writer.close()])
  })

  it('is within its budgets, and stands in docs/aws.md', async (t) => {
    assert.deepEqual([...measured.keys()].toSorted(), Object.keys(budgets).toSorted())
    const centsOf = (counts: Counts): number => dollarsOf(counts) * 100_000
    for (const [scenario, counts] of measured) t.diagnostic(`${scenario}: ${centsOf(counts).toFixed(3)} cents per 1,000, ${JSON.stringify(counts)}`)
    for (const [scenario, counts] of measured) {
      const cents = centsOf(counts)
      assert.ok(cents <= budgets[scenario], `${scenario}: ${cents} cents per 1,000`)
      await keepMeasured(scenario, counts, place)
    }
    await keepTable()
  })
})

/** The table of docs/aws.md, made of what is kept. */
async function keepTable(): Promise<void> {
  const kept = JSON.parse(await readFile(place, 'utf8')) as Record<Scenario, Counts>
  const rows = Object.keys(budgets).map((scenario) => {
    const counts = kept[scenario as Scenario]
    const { writeUnits, readUnits, objectWrites, objectReads, queueChunks } = counts
    return `| ${scenario} | ${[writeUnits, readUnits, objectWrites, objectReads, queueChunks].join(' | ')} | ${(dollarsOf(counts) * 100_000).toFixed(2)} |`
  })
  const table = ['| | write units | read units | S3 writes | S3 reads | SQS | cents per 1,000 |', '|---|---:|---:|---:|---:|---:|---:|', ...rows].join('\n')
  const page = new URL('../../../docs/aws.md', import.meta.url)
  const text = await readFile(page, 'utf8')
  const [begin, end] = ['<!-- IMAP: from test/engine/aws/imapCosts.json -->\n', '\n<!-- end -->']
  const [from, to] = [text.indexOf(begin) + begin.length, text.indexOf(end)]
  assert.ok(from >= begin.length && to > from, 'docs/aws.md has no place for the table')
  if (process.env['PENNYPOST_MEASURE'] === 'write') await writeFile(page, text.slice(0, from) + table + text.slice(to))
  else assert.equal(text.slice(from, to), table, 'docs/aws.md has another table; PENNYPOST_MEASURE=write writes it anew')
}
