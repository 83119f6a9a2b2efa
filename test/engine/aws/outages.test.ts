/**
 * Messages come in while AWS has outages: each operation in turn is throttled for a while, then does its work and loses its first
 * answers. Whoever was told that a message is taken finds it filed, once. A thousand of them, as docs/aws-proof.md has it:
 * PENNYPOST_OUTAGE_MESSAGES=1000; fewer make the same outages shorter.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, describe, it } from 'node:test'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import type { LogEvent } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import type { AwsEngine } from '#lib/engine/aws/engine.ts'
import { EngineUnavailableError } from '#lib/engine/ports.ts'
import type { Consumer, Note, NoteAnswer, NoteHandler } from '#lib/engine/ports.ts'
import type { Account as User } from '#lib/mail/accounts/account.ts'
import { readWhole } from '#lib/mail/mailbox/read.ts'
import { readEntries } from '#lib/mail/mailbox/tail.ts'
import { openCheckInbound } from '#lib/mail/rooms/checkInbound.ts'
import { openReception } from '#lib/mail/rooms/reception.ts'
import type { Reception } from '#lib/mail/rooms/reception.ts'
import { shareRooms } from '#lib/mail/rooms/shared.ts'
import type { SharedDeps } from '#lib/mail/rooms/shared.ts'
import { openStores } from '#lib/mail/rooms/stores.ts'
import { newQueueId } from '#lib/mail/transit/queueId.ts'
import { zone } from '#test/mail/outbound/zone.ts'
import { until } from '../contract/setup.ts'
import { makeAccount } from './account.ts'
import type { Account } from './account.ts'
import { startEmulator } from './emulators.ts'
import { awsError, brokenLine, injectFaults, throttled } from './faults.ts'
import type { Faults } from './faults.ts'
import { oneChunk, sampleMessage } from './meteredMail.ts'

const emulator = await startEmulator('ministack')
const operations = ['GetItem', 'Query', 'PutItem', 'DeleteItem', 'PutObject', 'GetObject', 'DeleteObject', 'SendMessageBatch', 'SendMessage', 'ReceiveMessage', 'DeleteMessageBatch', 'ChangeMessageVisibilityBatch'] as const
const messages = Number(process.env['PENNYPOST_OUTAGE_MESSAGES'] ?? 120)
const kinds = ['throttled', 'answer lost'] as const
/** Of few messages each operation meets one of the two, the next operation the other. */
const outages = operations.flatMap((operation, index) => kinds.filter((_, at) => messages >= 1000 || at === index % 2).map((kind) => ({ operation, kind })))
/** Offered in one outage. */
const share = Math.ceil(messages / outages.length)
/** An outage ends when it has lasted so long and has hurt a call. */
const outageMs = 200
/** One of so many is too large for a note. */
const largeEvery = 20
/** Of so many notes one is put off for a moment before it is checked, and one fails once. */
const lateEvery = 3

/** The rooms of one process. */
interface Process {
  readonly engine: AwsEngine
  readonly shared: SharedDeps
}

describe('Mail during one outage after another', { skip: typeof emulator === 'string' && emulator }, () => {
  const names = ['anna', 'bert', 'carl']
  const events: LogEvent[] = []
  const seen = new Set<string>()
  let account: Account
  let faults: Faults
  let front: Process
  let checking: Process
  let reception: Reception
  let consumer: Consumer
  let users: User[]
  let offered = 0
  let deferred = 0

  const openProcess = async (clients: ReturnType<Account['makeClients']>): Promise<Process> => {
    const config = defaultConfig()
    const log = makeLog((event) => events.push(event), { level: 'warn', now: Date.now })
    const engine = await account.open({ clients, settings: { tries: 3, backOffFirstMs: 200, backOffMostMs: 500, sqsDelayMs: 0, sweepAheadMs: 0 } })
    return { engine, shared: { ...shareRooms({ engine, config, clock: systemClock, log, hostname: 'mx.ours.example', ...openStores({ engine, config, clock: systemClock, log }) }), resolver: zone('remote.example TXT v=spf1') } }
  }
  /** Checks and files; some notes are answered "again" at first, so that they go through the index of due times, and some "failed". */
  const puttingOff = (check: NoteHandler): NoteHandler => async (notes) => {
    const answers = new Map<Note, NoteAnswer>()
    for (const note of notes.filter(({ id }) => !seen.has(id))) {
      const turn = seen.add(note.id).size % lateEvery
      if (turn === 0) answers.set(note, { kind: 'again', notBefore: Date.now() + 100 })
      if (turn === 1) answers.set(note, { kind: 'failed', reason: 'once' })
    }
    const now = notes.filter((note) => !answers.has(note))
    for (const [index, answer] of (now.length === 0 ? [] : await check(now)).entries()) answers.set(now[index] ?? assert.fail(), answer)
    return notes.map((note) => answers.get(note) ?? assert.fail())
  }

  before(async () => {
    if (typeof emulator === 'string') return
    account = await makeAccount(emulator.endpoint, { tries: 2 })
    const clients = account.makeClients()
    faults = injectFaults(clients.dynamo, clients.s3, clients.sqs)
    front = await openProcess(clients)
    checking = await openProcess(clients)
    reception = openReception(front.shared)
    await front.shared.directory.addDomain({ name: 'ours.example' })
    users = await Promise.all(names.map(async (name) => front.shared.directory.addUser({ address: `${name}@ours.example`, password: 'a long password' })))
    consumer = checking.engine.queue.consume('inbound', { batchNotes: 10, concurrency: 4, visibilityMs: 6000, maxReceives: 1000 }, puttingOff(openCheckInbound(checking.shared)))
  })
  after(async () => {
    faults.plan = () => undefined
    await consumer.stop()
    for (const { shared, engine } of [front, checking]) {
      await shared.mailStore.close()
      await engine.close()
    }
    if (typeof emulator !== 'string') await emulator.stop()
  })

  const contentOf = (index: number): Uint8Array => {
    // What does not compress is kept in an object while it waits.
    const tail = randomBytes(index % largeEvery === 0 ? 300_000 : 4000).toString('base64').replaceAll(/.{76}/g, '$&\r\n')
    return Buffer.concat([sampleMessage(1000, index), Buffer.from(`${tail}\r\n`)])
  }
  /** As another server does it: what is refused for the moment is offered again. */
  const offer = async (index: number): Promise<void> => {
    const content = contentOf(index)
    for (;;) {
      try {
        const to = `${names[index % names.length] ?? ''}@ours.example`
        assert.notEqual((await reception.resolveRecipient(to)).kind, 'unknown')
        await reception.accept({ queueId: newQueueId(Date.now()), envelope: { mailFrom: `m${index}@remote.example`, recipients: [{ address: to }] }, client: { address: '192.0.2.1', hello: 'out.remote.example' }, content: oneChunk(content), headerPrefix: '' })
        return
      } catch (error) {
        if (!(error instanceof EngineUnavailableError)) throw error
        deferred++
        await systemClock.sleep(50)
      }
    }
  }
  const filed = async (): Promise<number> => {
    const counts = users.map(async ({ id }) => {
      const mail = await front.shared.mailStore.open(id)
      mail.release()
      return mail.state.messageCount
    })
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
  }

  it('none is lost and none is filed twice, and after each outage all is as before', async (t) => {
    const hurt = new Map<string, number>()
    const listener = await front.shared.mailStore.open(users[0]?.id ?? '')
    let heard = 0
    const stop = listener.listen(() => heard++)
    let ended = false
    const sweeping = (async () => {
      while (!ended) {
        // The next minute tries again.
        await checking.engine.sweepDue().catch(() => undefined)
        await systemClock.sleep(100)
      }
    })()
    for (const { operation, kind } of outages) {
      const most = offered + share
      const start = Date.now()
      faults.plan = (called, _input, tried) => {
        if (called !== operation || (kind === 'answer lost' && tried > 0)) return undefined
        hurt.set(`${operation} ${kind}`, (hurt.get(`${operation} ${kind}`) ?? 0) + 1)
        return kind === 'answer lost' ? { after: brokenLine } : { before: operation.endsWith('Object') ? awsError('SlowDown', 503) : throttled }
      }
      const offering: Promise<void>[] = []
      while (offered < most) offering.push(offer(offered++))
      await systemClock.sleep(outageMs)
      // More come until one of them was hurt: few need every operation.
      for (let more = 0; more < 100 && (hurt.get(`${operation} ${kind}`) ?? 0) === 0; more++) {
        offering.push(offer(offered++))
        await systemClock.sleep(100)
      }
      faults.plan = () => undefined
      const over = Date.now()
      await Promise.all(offering)
      const taken = Date.now()
      for (const end = over + 60_000; (await filed()) < offered; await systemClock.sleep(100)) assert.ok(Date.now() < end, `not all are filed after ${operation} ${kind}`)
      t.diagnostic(`${operation}, ${kind} for ${over - start} ms, ${hurt.get(`${operation} ${kind}`) ?? 0} calls: all taken after ${Math.max(0, taken - over)} ms, all filed after ${Date.now() - over} ms`)
    }
    ended = true
    await sweeping
    stop()
    listener.release()
    assert.ok(offered >= messages)
    assert.ok(heard > 0)
    t.diagnostic(`${offered} messages in ${outages.length} outages; ${deferred} times a sender was told to come again`)
    // Each operation that the run needs was really hurt.
    for (const { operation, kind } of outages) assert.ok((hurt.get(`${operation} ${kind}`) ?? 0) > 0, `${operation} was never ${kind}`)
    assert.deepEqual([...new Set(faults.tries)].filter((operation) => !operations.some((known) => known === operation) && !/^(CreateQueue|DeleteQueue|GetQueueUrl|TransactWriteItems)$/.test(operation)), [])
  })

  it('each is there once, whole, and nothing is left in a queue or among the dead', async () => {
    await until('the queue is empty', async () => (await checking.engine.queue.list('inbound')).items.length === 0)
    await consumer.stop()
    const senders: string[] = []
    for (const { id } of users) {
      const filings = new Map<string, string>()
      for await (const { entry } of readEntries(front.engine.table, id, 1)) {
        for (const change of entry.changes) if (change.kind === 'file') filings.set(change.deliveryId ?? '', change.envelope?.from ?? '')
      }
      senders.push(...filings.values())
      const mail = await front.shared.mailStore.open(id)
      const inbox = mail.state.mailbox('INBOX') ?? assert.fail()
      assert.equal(inbox.count, filings.size)
      for (const uid of inbox.uids()) if (uid % 10 === 0) assert.match(Buffer.from(await readWhole(mail, inbox.id, uid)).toString('latin1'), /^Return-Path: <m\d+@remote\.example>[^]*Subject: Number /)
      mail.release()
    }
    assert.deepEqual(senders.map((sender) => Number(/\d+/.exec(sender)?.[0])).toSorted((a, b) => a - b), Array.from({ length: offered }, (_, index) => index))
    assert.deepEqual(events.filter(({ level, event }) => level === 'error' && !/-(failed|answered|given-up)$/.test(event)), [])
  })
})
