/**
 * What mail costs on AWS, counted on an emulator and held below budgets. The counts go into lib/engine/aws/measured.json, from
 * which `pennypost cost` makes bills: with PENNYPOST_MEASURE=write these tests write it anew, else they check it.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { systemClock } from '#lib/base/clock.ts'
import { defaultConfig } from '#lib/config.ts'
import { addCounts, countedThings, dollarsOf, noCounts } from '#lib/engine/aws/prices.ts'
import type { Counts } from '#lib/engine/aws/prices.ts'
import type { Account } from '#lib/mail/accounts/account.ts'
import { encodeEntry } from '#lib/mail/mailbox/entry.ts'
import type { Change, Entry } from '#lib/mail/mailbox/entry.ts'
import { changeFlags } from '#lib/mail/mailbox/flags.ts'
import { loadAccount } from '#lib/mail/mailbox/load.ts'
import { createMailbox } from '#lib/mail/mailbox/mailboxes.ts'
import { entryKey } from '#lib/mail/mailbox/logKeys.ts'
import { applyEntry } from '#lib/mail/mailbox/state.ts'
import { newQueueId } from '#lib/mail/transit/queueId.ts'
import { startObedientServer } from '#test/mail/outbound/obedientServer.ts'
import { zone } from '#test/mail/outbound/zone.ts'
import { until } from '../contract/setup.ts'
import { makeAccount } from './account.ts'
import { startEmulator } from './emulators.ts'
import { injectFaults } from './faults.ts'
import { oneChunk, openMeteredMail, sampleMessage, transactionMs, turnedAwayMs } from './meteredMail.ts'
import type { MeteredMail } from './meteredMail.ts'
import { keepMeasured } from './measured.ts'

const emulator = await startEmulator('ministack')

/** Cents for a thousand. */
const cents = (counts: Counts): number => dollarsOf(counts) * 100 * 1000
const shown = (counts: Counts): string => `${cents(counts).toFixed(3)} cents per 1,000: ${countedThings.map((thing) => `${thing} ${counts[thing].toFixed(3)}`).join(', ')}`

describe('What receiving costs', { skip: typeof emulator === 'string' && emulator }, () => {
  let mail: MeteredMail
  before(async () => {
    if (typeof emulator === 'string') return
    mail = await openMeteredMail(emulator.endpoint, zone('remote.example TXT v=spf1'))
    await mail.front.shared.directory.addDomain({ name: 'ours.example' })
    await mail.front.shared.directory.addUser({ address: 'anna@ours.example', password: 'a long password' })
    // The function's environment is warm and has the account open.
    await mail.receive('anna@ours.example', sampleMessage(10_000, 1))
    assert.equal(await mail.pump('inbound'), 1)
  })
  after(async () => mail.close())

  for (const { size, bytes, most } of [{ size: '10k', bytes: 10_000, most: 0.9 }, { size: '75k', bytes: 75_000, most: 1.0 }]) {
    it(`a message of ${bytes / 1000} KB, one after another, a client listening one time in ten: at most ${most} cents per 1,000`, async (t) => {
      const account = await mail.front.shared.directory.user('anna@ours.example')
      const listener = await mail.openListener(account?.id ?? '')
      const receiveOne = async (seed: number): Promise<void> => {
        await mail.receive('anna@ours.example', sampleMessage(bytes, seed))
        assert.equal(await mail.pump('inbound', { most: 1 }), 1)
      }
      const listened = await mail.measure(20, async () => {
        for (let turn = 0; turn < 2; turn++) {
          await receiveOne(100 + turn)
          await until('the client hears of it', () => listener.heard() > turn)
        }
        // The answer of its last look at the queue is counted.
        await systemClock.sleep(100)
      })
      await listener.close()
      const unheard = await mail.measure(20, async () => {
        for (let turn = 0; turn < 18; turn++) await receiveOne(120 + turn)
      })
      const counts = addCounts(listened, unheard)
      t.diagnostic(shown(counts))
      assert.ok(cents(counts) <= most, shown(counts))
      await keepMeasured(`inbound${size}`, counts)
    })
    it(`messages of ${bytes / 1000} KB in batches of ten: at most 0.6 cents per 1,000`, async (t) => {
      const counts = await mail.measure(20, async () => {
        for (let turn = 0; turn < 2; turn++) {
          for (let each = 0; each < 10; each++) await mail.receive('anna@ours.example', sampleMessage(bytes, 200 + turn * 10 + each))
          for (let left = 10; left > 0; ) left -= await mail.pump('inbound')
        }
      })
      t.diagnostic(shown(counts))
      assert.ok(cents(counts) <= 0.6, shown(counts))
    })
  }
})
describe('What sending costs', { skip: typeof emulator === 'string' && emulator }, () => {
  let mail: MeteredMail
  let remote: RemoteHost
  let submitter: Account
  before(async () => {
    if (typeof emulator === 'string') return
    remote = await startRemoteHost()
    mail = await openMeteredMail(emulator.endpoint, zone('remote.example MX 10 mx.remote.example', 'mx.remote.example A 127.0.0.1'), (config) => ({ ...config, outbound: { ...config.outbound, port: remote.port, allowLoopback: true } }))
    await mail.front.shared.directory.addDomain({ name: 'ours.example' })
    submitter = await mail.front.shared.directory.addUser({ address: 'anna@ours.example', password: 'a long password' })
    await send(0)
  })
  after(async () => {
    await mail.close()
    await remote.close()
  })

  const submit = async (seed: number): Promise<void> => {
    const content = Buffer.from(Buffer.from(sampleMessage(10_000, seed)).toString().replace('sender@remote.example', 'anna@ours.example'))
    const queueId = newQueueId(mail.clock.now())
    await mail.front.reception.submit({ queueId, account: submitter, envelope: { mailFrom: 'anna@ours.example', recipients: [{ address: 'someone@remote.example' }] }, client: { address: '192.0.2.7', accountId: submitter.id, login: 'anna@ours.example' }, content: oneChunk(content), headerPrefix: '' })
  }
  const attempt = async (remoteMs: number): Promise<void> => {
    assert.equal(await mail.pump('outbound'), 1)
    assert.equal(await mail.pump('delivery', { remoteMs }), 1)
  }
  const send = async (seed: number, refusals = 0): Promise<void> => {
    const taken = remote.messages.length
    await remote.refuse(refusals)
    await submit(seed)
    for (let turn = 0; turn < refusals; turn++) {
      await attempt(turnedAwayMs)
      // The next try comes after minutes, or waits in the index for a sweep.
      mail.clock.move(40 * 60_000)
      await mail.functions.engine.sweepDue()
    }
    await attempt(transactionMs)
    assert.equal(remote.messages.length, taken + 1)
  }

  it('a message to one recipient elsewhere, 5 percent tried again four times: at most 1.2 cents per 1,000 without the way out', async (t) => {
    const once = await mail.measure(10, async () => {
      for (let turn = 0; turn < 10; turn++) await send(300 + turn)
    })
    const fiveTimes = await mail.measure(3, async () => {
      for (let turn = 0; turn < 3; turn++) await send(400 + turn, 4)
    })
    const counts = addCounts(addCounts(noCounts, once, 0.95), fiveTimes, 0.05)
    t.diagnostic(shown(counts))
    t.diagnostic(`at once ${shown(once)}`)
    t.diagnostic(`after four retries ${shown(fiveTimes)}`)
    assert.ok(cents(counts) <= 1.2, shown(counts))
    await keepMeasured('outbound10k', counts)
  })
})

describe('What a large mailbox costs', { skip: typeof emulator === 'string' && emulator }, () => {
  let mail: MeteredMail
  before(async () => {
    if (typeof emulator === 'string') return
    mail = await openMeteredMail(emulator.endpoint, zone('remote.example TXT v=spf1'))
    await mail.front.shared.directory.addDomain({ name: 'ours.example' })
  })
  after(async () => mail.close())

  /** An account with so many messages: what the log would say is folded here and its snapshot written; of its rows the last ones are. */
  const fill = async (name: string, messages: number): Promise<Account> => {
    const { directory, mailStore, table, config } = mail.front.shared
    const account = await directory.addUser({ address: `${name}@ours.example`, password: 'a long password' })
    const opened = await mailStore.open(account.id)
    const inbox = opened.state.mailbox('INBOX')?.id ?? ''
    opened.release()
    const { state, snapshots } = await loadAccount({ ...mail.front.shared, settings: { ...config.mailbox, snapshotEntries: 0 } }, account.id)
    const begin = state.time
    const metadata = { inline: new Uint8Array(600).fill(7), codec: 'zstd' } as const
    const hash = createHash('sha256').update(name).digest()
    const fileSome = (count: number): { readonly sequence: number; readonly entry: Entry } => {
      // One every five minutes: the deliveries of sixty days are remembered.
      const at = begin + state.messageCount * 300_000
      const before = state.messageCount
      const changes = Array.from({ length: count }, (_, index): Change => {
        const id = `${before + index}`
        return { kind: 'file', mailbox: inbox, flags: index % 3 === 0 ? ['\\Seen'] : [], internalDate: at + index, sizeBytes: 10_000 + index, deliveryId: id, blob: { key: `mail/${account.id}/${id}`, offset: 0, length: 5000, codec: 'zstd', sizeBytes: 10_000 + index }, hash, metadata }
      })
      const entry: Entry = { at, writer: 'fill', changes }
      const sequence = state.sequence + 1
      applyEntry(state, sequence, entry)
      return { sequence, entry }
    }
    const single = Math.min(messages, 100)
    for (let left = messages - single; left > 0; left -= 100) fileSome(Math.min(100, left))
    const rows = Array.from({ length: single }, () => fileSome(1))
    await table.commit(rows.map(({ sequence, entry }) => ({ put: entryKey(account.id, sequence), value: encodeEntry(entry), onlyIf: 'absent' })))
    await snapshots.write(state)
    // What was opened before all this is not up to date.
    await mailStore.close()
    return account
  }
  /** Large ones are filled once. */
  const filled = new Map<number, Promise<Account>>()
  const accountWith = async (messages: number): Promise<Account> => {
    const account = filled.get(messages) ?? fill(`with${messages}`, messages)
    filled.set(messages, account)
    return await account
  }
  const requestsDuring = async (work: () => Promise<void>): Promise<{ requests: number; counts: Counts }> => {
    const total = () => Object.values(mail.meter.requests()).reduce((sum, count) => sum + count, 0)
    const before = total()
    const counts = await mail.measure(1, work)
    return { requests: total() - before, counts }
  }

  it('opens 100,000 messages cold with at most 40 requests and 60 read units, and after ten changes with at most 5 requests', async (t) => {
    const account = await fill('large', 100_000)
    const cold = await requestsDuring(async () => {
      const opened = await mail.functions.shared.mailStore.open(account.id)
      assert.equal(opened.state.messageCount, 100_000)
      opened.release()
    })
    t.diagnostic(`cold: ${cold.requests} requests, ${cold.counts.readUnits} read units`)
    assert.ok(cold.requests <= 40 && cold.counts.readUnits <= 60)
    await keepMeasured('openCold', cold.counts)
    const other = await mail.front.shared.mailStore.open(account.id)
    for (let turn = 1; turn <= 10; turn++) await changeFlags(other, { mailboxId: other.state.mailbox('INBOX')?.id ?? '', uids: [turn * 5], action: 'add', flags: ['\\Flagged'] })
    other.release()
    await mail.front.engine.settled()
    const again = await requestsDuring(async () => {
      const opened = await mail.functions.shared.mailStore.open(account.id)
      assert.equal(opened.state.sequence, other.state.sequence)
      opened.release()
    })
    t.diagnostic(`again: ${again.requests} requests, ${again.counts.readUnits} read units`)
    assert.ok(again.requests <= 5)
    await keepMeasured('openAgain', again.counts)
  })

  it('files a message into 10, 10,000 and 1,000,000 messages for the same price, and beside 200 other accounts', async (t) => {
    const prices: number[] = []
    const measureFiling = async (address: string): Promise<void> => {
      await mail.receive(address, sampleMessage(10_000, 500))
      assert.equal(await mail.pump('inbound'), 1)
      const counts = await mail.measure(10, async () => {
        for (let turn = 0; turn < 10; turn++) {
          await mail.receive(address, sampleMessage(10_000, 501 + turn))
          assert.equal(await mail.pump('inbound'), 1)
        }
      })
      t.diagnostic(`${address}: ${shown(counts)}`)
      prices.push(cents(counts))
    }
    for (const messages of [10, 10_000, 1_000_000]) {
      const account = await accountWith(messages)
      await measureFiling(`with${messages}@ours.example`)
      const opened = await mail.functions.shared.mailStore.open(account.id)
      assert.equal(opened.state.messageCount, messages + 11)
      opened.release()
    }
    for (let index = 0; index < 200; index++) await mail.front.shared.directory.addAlias({ address: `alias${index}@ours.example`, targets: ['with10@ours.example'] })
    await measureFiling('with10@ours.example')
    assertAlike(prices)
  })

  const fileSparsely = async (address: string, times: number): Promise<void> => {
    for (let turn = 0; turn < times; turn++) {
      await mail.restartFunctions()
      await mail.receive(address, sampleMessage(10_000, 600 + turn))
      assert.equal(await mail.pump('inbound'), 1)
    }
  }

  it('files into 10, 10,000 and 1,000,000 messages and beside 300 mailboxes for the same price, at most 1.05 cents per 1,000, where each message meets an environment that knows nothing', async (t) => {
    // One snapshot is written in so many openings, whose tail is as long as it gets.
    const openings = 25
    const prices: number[] = []
    for (const messages of [10, 10_000, 1_000_000]) {
      const account = await accountWith(messages)
      const before = await countIn(account)
      const counts = await mail.measure(openings, async () => fileSparsely(account.address, openings))
      t.diagnostic(`${account.address}: ${shown(counts)}`)
      prices.push(cents(counts))
      assert.ok(cents(counts) <= 1.05, shown(counts))
      await keepMeasured(`inbound10kCold${messages}`, counts)
      assert.equal(await countIn(account), before + openings)
    }
    // The same beside three hundred mailboxes; the snapshot that so many changes ask for is written by the first who comes.
    const { id, address } = await accountWith(10)
    const opened = await mail.front.shared.mailStore.open(id)
    for (let index = 0; index < 300; index++) await createMailbox(opened, { name: `Folder ${index}` })
    opened.release()
    await fileSparsely(address, 1)
    const counts = await mail.measure(openings, async () => fileSparsely(address, openings))
    t.diagnostic(`${address} with 300 mailboxes: ${shown(counts)}`)
    prices.push(cents(counts))
    assertAlike(prices)
  })

  async function countIn({ id }: Account): Promise<number> {
    const opened = await mail.functions.shared.mailStore.open(id)
    opened.release()
    return opened.state.messageCount
  }

  function assertAlike(prices: readonly number[]): void {
    const [first = 0] = prices
    for (const price of prices) assert.ok(Math.abs(price - first) / first < 0.02, prices.map((each) => each.toFixed(4)).join(', '))
  }
})

describe('What waiting costs', { skip: typeof emulator === 'string' && emulator }, () => {
  let mail: MeteredMail
  before(async () => {
    if (typeof emulator === 'string') return
    mail = await openMeteredMail(emulator.endpoint, zone(), (config) => ({ ...config, mailbox: { ...config.mailbox, lookEveryMs: 20 } }))
  })
  after(async () => mail.close())

  it('a minute without mail: one sweep that finds nothing', async (t) => {
    const counts = await mail.measure(15, async () => {
      for (let minute = 0; minute < 15; minute++) {
        mail.clock.move(60_000)
        await mail.functions.engine.sweepDue()
        mail.meter.add({ invocations: 1, gigabyteSeconds: mail.runOf('sweep-due', 2) })
      }
    })
    t.diagnostic(`${(dollarsOf(counts) * 60 * 730).toFixed(3)} dollars a month: ${shown(counts)}`)
    await keepMeasured('sweepMinute', counts)
  })

  it('an hour of a client that waits: its registration, and a look at the log every minute', async (t) => {
    await mail.front.shared.directory.addDomain({ name: 'ours.example' })
    const account = await mail.front.shared.directory.addUser({ address: 'anna@ours.example', password: 'a long password' })
    const opened = await mail.front.shared.mailStore.open(account.id)
    const registration = await mail.measure(1, async () => {
      opened.listen(() => undefined)()
      await mail.front.engine.settled()
    })
    const look = await mail.measure(1, async () => opened.refresh())
    opened.release()
    const counts = addCounts(addCounts(noCounts, { writeUnits: registration.writeUnits }, 2), look, 60)
    t.diagnostic(shown(counts))
    await keepMeasured('listenHour', counts)
  })

  it('an hour of a front task where clients wait: its looks into its own queue, one after another, each as long as SQS lets it wait', async (t) => {
    assert.ok(typeof emulator !== 'string')
    const own = await makeAccount(emulator.endpoint)
    const clients = own.makeClients()
    const faults = injectFaults(clients.sqs)
    const waits: unknown[] = []
    faults.plan = (operation, input) => void (operation === 'ReceiveMessage' && waits.push(input['WaitTimeSeconds']))
    const engine = await own.open({ clients, settings: defaultConfig().aws })
    const stops = ['anna', 'bert'].map((name) => engine.bell.listen(name, () => undefined))
    await until('it looks', () => waits.length > 0)
    await systemClock.sleep(300)
    // One look for all who wait, and the next one when it is over.
    assert.deepEqual(waits, [20])
    stops.forEach((stop) => stop())
    await engine.close()
    const counts = addCounts(noCounts, { queueChunks: 3600 / Number(waits[0]) })
    t.diagnostic(`${dollarsOf(counts).toFixed(6)} dollars an hour`)
    await keepMeasured('listenTaskHour', counts)
  })
})

after(async () => {
  if (typeof emulator !== 'string') await emulator.stop()
})

interface RemoteHost {
  readonly port: number
  readonly messages: readonly string[]
  /** The next so many connections are turned away. */
  refuse(times: number): Promise<void>
  close(): Promise<void>
}

async function startRemoteHost(): Promise<RemoteHost> {
  const behind = await startObedientServer()
  let left = 0
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    if (left-- > 0) return void socket.end('421 4.3.2 not now\r\n')
    const onward = connect(behind.port, '127.0.0.1')
    onward.on('error', () => socket.destroy())
    socket.pipe(onward).pipe(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    messages: behind.messages,
    async refuse(times) {
      left = times
      // What is open already would not be turned away.
      if (times > 0) await behind.hangUp()
    },
    async close() {
      await behind.close()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
