import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import type { MailEvent } from '#lib/formats/events/event.ts'
import { eventsOf } from '#lib/mail/events/eventsOf.ts'
import { MailStore } from '#lib/mail/mailbox/store.ts'
import { makeRecordChanges } from '#lib/mail/mailbox/record.ts'
import { readEntries } from '#lib/mail/mailbox/tail.ts'
import { defaultConfig } from '#lib/config.ts'
import { entryKey } from '#lib/mail/mailbox/logKeys.ts'
import { pack } from 'msgpackr'
import { fileText } from '../mailbox/setting.ts'
import { openSending, quiet, secret, StandingClock, url } from './sending.ts'
import { memoryEngine } from '../mailbox/memoryEngine.ts'

type Sending = ReturnType<typeof openSending>

async function file({ store }: Pick<Sending, 'store'>, account: string, messages = 1): Promise<void> {
  const mail = await store.open(account)
  for (let n = 0; n < messages; n++) await fileText(mail)
  mail.release()
}

async function allOf({ engine }: Sending, account: string): Promise<MailEvent[]> {
  const events: MailEvent[] = []
  for await (const { sequence, entry } of readEntries(engine.table, account, 1)) events.push(...eventsOf(account, sequence, entry))
  return events
}

const idsOf = (events: readonly MailEvent[], account?: string): string[] => events.filter((event) => account === undefined || event.account === account).map(({ id }) => id)
const named = (sending: Sending, event: string) => sending.log.filter((one) => one.event === event)

test('what is filed is sent within moments, signed, and then nothing waits', async () => {
  const sending = openSending()
  const sender = sending.start()
  await file(sending, 'anna')
  await quiet()
  assert.deepEqual(idsOf(sending.told()), idsOf(await allOf(sending, 'anna')))
  assert.deepEqual(sending.told().map(({ type }) => type), ['filed'])
  assert.deepEqual(sending.due(), [])
  const [{ headers, events, url: to } = assert.fail()] = sending.sent
  assert.equal(to, url)
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${JSON.stringify({ events })}`
  assert.equal(headers['webhook-signature'], `v1,${createHmac('sha256', secret).update(signed).digest('base64')}`)
  assert.equal(headers['webhook-timestamp'], String(sending.clock.at / 1000))
  await sender.stop()
})

test('outcomes and the end of an account are sent too', async () => {
  const sending = openSending()
  const sender = sending.start()
  await file(sending, 'anna')
  const record = makeRecordChanges({ table: sending.engine.table, clock: sending.clock, feed: sending.feed })
  await record('anna', [{ kind: 'submit', queueId: 'Q', messageId: null, from: '', recipients: [], sizeBytes: 1 }])
  await quiet()
  await sending.store.deleteAccount('anna')
  await quiet()
  assert.deepEqual(sending.told().map(({ type }) => type), ['filed', 'submitted', 'deleted'])
  // Nothing of the account is left but its end.
  assert.deepEqual([...sending.engine.rows].filter(([partition, rows]) => partition.startsWith('events/') && rows.has('anna')), [])
  await sender.stop()
})

test('only the types that are wanted are sent', async () => {
  const sending = openSending({ settings: { types: ['submitted'] } })
  const sender = sending.start()
  await file(sending, 'anna', 3)
  await makeRecordChanges({ table: sending.engine.table, clock: sending.clock, feed: sending.feed })('anna', [{ kind: 'submit', queueId: 'Q', messageId: null, from: '', recipients: [], sizeBytes: 1 }])
  await quiet()
  assert.deepEqual(sending.told().map(({ type }) => type), ['submitted'])
  assert.deepEqual(sending.due(), [])
  await sender.stop()
})

test('a batch is of one account and in its order, and no larger than the settings say', async () => {
  const sending = openSending({ settings: { batch: 4, atOnce: 2 } })
  for (const account of ['anna', 'bert', 'carl']) await file(sending, account, 10)
  sending.clock.at++
  const sender = sending.start()
  await quiet()
  // Filed before there was a sender: not its events. From now on they are.
  assert.deepEqual(sending.told(), [])
  assert.deepEqual(sending.due(), [])
  for (const account of ['anna', 'bert', 'carl']) await file(sending, account, 10)
  await quiet()
  for (const { events } of sending.sent) assert.ok(events.length <= 4 && new Set(events.map(({ account }) => account)).size === 1)
  for (const account of ['anna', 'bert', 'carl']) assert.deepEqual(idsOf(sending.told(), account), idsOf(await allOf(sending, account)).slice(10))
  await sender.stop()
})

test('filing does not wait for a webhook that never answers', async () => {
  const sending = openSending()
  const never = Promise.withResolvers<number>()
  sending.hook.answer = () => never.promise
  const sender = sending.start()
  await file(sending, 'anna', 50)
  await file(sending, 'bert', 50)
  await quiet()
  assert.ok(sending.sent.length <= 4)
  assert.deepEqual(sending.due().sort(), ['anna', 'bert'])
  never.resolve(200)
  await quiet()
  assert.equal(sending.told().length, 100)
  await sender.stop()
})

test('a webhook that is away is tried after ever longer pauses, with one account; then everything comes, in order', async () => {
  const sending = openSending({ settings: { retryMs: [1000, 5000] } })
  let away = true
  sending.hook.answer = async () => (away ? Promise.reject(new Error('fetch failed', { cause: new Error('ECONNREFUSED') })) : 200)
  const sender = sending.start()
  for (const account of ['anna', 'bert', 'carl']) await file(sending, account, 2)
  await quiet()
  const begun = sending.sent.length
  assert.ok(begun >= 1 && begun <= 3, `${begun} requests`)
  const start = sending.clock.at
  await sending.clock.advance(20_000)
  const times = sending.sent.slice(begun).map(({ at }) => at - start)
  assert.ok(times.length >= 3 && times.length <= 5, times.join())
  assert.ok(times.every((time, n) => n === 0 || time - (times[n - 1] ?? 0) >= 5000), times.join())
  assert.equal(named(sending, 'events-deferred').at(-1)?.fields['reply'], 'fetch failed: ECONNREFUSED')
  assert.doesNotMatch(JSON.stringify(sending.log), /key=secret/)
  away = false
  sending.sent.length = 0
  await sending.clock.advance(6000)
  for (const account of ['anna', 'bert', 'carl']) assert.deepEqual(idsOf(sending.told(), account), idsOf(await allOf(sending, account)))
  await sender.stop()
})

test('an event that is refused holds up its own account only, is found, and is passed over in the end', async () => {
  const sending = openSending({ settings: { retryMs: [1000, 60_000], giveUpMs: 3_600_000 } })
  await file(sending, 'anna', 0)
  const sender = sending.start()
  await quiet()
  sending.clock.at++
  const poison = 'anna.4.0.filed'
  sending.hook.answer = async (events) => (idsOf(events).includes(poison) ? 400 : 200)
  await file(sending, 'anna', 5)
  await file(sending, 'bert', 2)
  await quiet()
  await sending.clock.advance(120_000)
  const taken = () => new Set(sending.sent.filter(({ events }) => !idsOf(events).includes(poison)).flatMap(({ events }) => idsOf(events)))
  assert.deepEqual([...taken()].filter((id) => id.startsWith('bert')).length, 2)
  assert.ok(!taken().has('anna.5.0.filed'), 'what follows waits')
  await sending.clock.advance(3_700_000)
  assert.deepEqual(named(sending, 'event-given-up').map(({ fields }) => [fields['event'], fields['events'], fields['reply']]), [[poison, 1, 'status 400']])
  assert.deepEqual([...taken()].filter((id) => id.startsWith('anna')).sort(), idsOf(await allOf(sending, 'anna')).filter((id) => id !== poison).sort())
  assert.deepEqual(sending.due(), [])
  await sender.stop()
})

test('an entry that a newer program wrote stops its own account, loudly', async () => {
  const sending = openSending()
  const sender = sending.start()
  await file(sending, 'anna', 1)
  await file(sending, 'bert', 1)
  await quiet()
  await sending.engine.table.commit([{ put: entryKey('anna', 3), value: pack([1, sending.clock.at, 'newer', [['pin', 'F1']]]) }, ...(sending.feed?.rows('anna', 3) ?? [])])
  sending.feed?.told()
  await file(sending, 'bert', 1)
  await quiet()
  assert.match(String(named(sending, 'events-failed')[0]?.fields['error']), /unknown kind pin/)
  assert.equal(idsOf(sending.told(), 'bert').length, 2)
  await sender.stop()
})

test('what a process left unsent, the next one sends; what was sent is not sent again', async () => {
  const [engine, clock] = [memoryEngine(), new StandingClock()]
  const first = openSending({ engine, clock })
  const sender = first.start()
  await file(first, 'anna', 3)
  await quiet()
  await sender.stop()
  // Between the two, a command of the same machine changes something.
  await file(openSending({ engine, clock }), 'anna', 2)
  const second = openSending({ engine, clock })
  const next = second.start()
  await quiet()
  assert.deepEqual([...idsOf(first.told()), ...idsOf(second.told())], idsOf(await allOf(first, 'anna')))
  await next.stop()
})

test('a start reads nothing of accounts without news', async () => {
  const [engine, clock] = [memoryEngine(), new StandingClock()]
  const first = openSending({ engine, clock })
  const sender = first.start()
  for (let n = 0; n < 200; n++) await file(first, `account${n}`)
  await quiet()
  await sender.stop()
  await file(first, 'account7')
  engine.forgetCalls()
  const second = openSending({ engine, clock })
  const next = second.start()
  await quiet()
  assert.deepEqual(second.told().map(({ account }) => account), ['account7'])
  assert.ok(engine.calls.range + engine.calls.get < 15, JSON.stringify(engine.calls))
  await next.stop()
})

test('of two servers one sends; when it is gone the other goes on', async () => {
  const [engine, clock] = [memoryEngine(), new StandingClock()]
  const [one, other] = [openSending({ engine, clock }), openSending({ engine, clock })]
  const first = one.start()
  await quiet()
  const second = other.start()
  await file(other, 'anna', 3)
  await quiet()
  assert.deepEqual([one.told().length, other.told().length], [3, 0])
  await first.stop()
  await file(one, 'anna', 1)
  await clock.advance(60_000)
  assert.deepEqual([one.told().length, other.told().length], [3, 1])
  await second.stop()
})

test('several webhooks know nothing of each other: one that is dead holds up no other', async () => {
  const urls = [url, 'https://other.example/']
  const sending = openSending({ urls })
  sending.hook.answer = async (_events, to) => (to === url ? 503 : 200)
  const senders = urls.map((to) => sending.start(to))
  await file(sending, 'anna', 2)
  await quiet()
  assert.deepEqual(sending.sent.filter((one) => one.url === urls[1]).flatMap(({ events }) => idsOf(events)), idsOf(await allOf(sending, 'anna')))
  sending.hook.answer = async () => 200
  await sending.clock.advance(2000)
  assert.deepEqual(new Set(sending.sent.filter((one) => one.url === url).flatMap(({ events }) => idsOf(events))), new Set(idsOf(await allOf(sending, 'anna'))))
  assert.deepEqual(sending.due(), [])
  await Promise.all(senders.map((sender) => sender.stop()))
})

test('a webhook that is new hears of nothing that was before it, also of accounts with a long past', async () => {
  const sending = openSending()
  const quietStore = new MailStore({ ...sending.deps, blobs: sending.engine.blobs, settings: { ...defaultConfig().mailbox, snapshotEntries: 0 } })
  await file({ store: quietStore }, 'anna', 300)
  sending.clock.at += 1000
  const sender = sending.start()
  await quiet()
  await file(sending, 'anna', 2)
  await quiet()
  assert.deepEqual(idsOf(sending.told()), idsOf(await allOf(sending, 'anna')).slice(-2))
  await sender.stop()
})

test('whatever the webhook answers, and however often the process ends, every event comes, in order', async () => {
  const answer = fc.constantFrom(200, 200, 200, 500, 429, 0)
  await fc.assert(
    fc.asyncProperty(fc.array(answer, { minLength: 5, maxLength: 40 }), fc.array(fc.constantFrom('anna', 'bert', 'stop', 'wait'), { minLength: 3, maxLength: 25 }), async (answers, deeds) => {
      const [engine, clock] = [memoryEngine(), new StandingClock()]
      const got = new Map<string, string[]>()
      let turn = 0
      const open = () => {
        const sending = openSending({ engine, clock, settings: { retryMs: [100, 1000], giveUpMs: 0, batch: 3, atOnce: 2 } })
        sending.hook.answer = async (events) => {
          const status = turn < answers.length ? (answers[turn++] ?? 200) : 200
          if (status === 0) throw new Error('reset')
          if (status === 200) for (const { account, id } of events) got.set(account, [...(got.get(account) ?? []), id])
          return status
        }
        return { sending, sender: sending.start() }
      }
      let place = open()
      await quiet()
      for (const deed of deeds) {
        if (deed === 'stop') {
          await place.sender.stop()
          place = open()
        } else if (deed === 'wait') await clock.advance(500)
        else await file(place.sending, deed)
      }
      await clock.advance(120_000)
      await place.sender.stop()
      for (const account of ['anna', 'bert']) {
        const wanted = idsOf(await allOf(place.sending, account))
        // Told again, an event may stand twice; each first time is in order.
        assert.deepEqual([...new Set(got.get(account) ?? [])], wanted)
      }
      assert.deepEqual(place.sending.due(), [])
    }),
    { numRuns: 40, seed: 20_261_125 },
  )
})
