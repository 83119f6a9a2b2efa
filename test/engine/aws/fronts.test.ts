/** Two front tasks on one account at once: both write, nothing is lost, and who waits at one hears of what was done at the other. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { systemClock } from '#lib/base/clock.ts'
import { makeLog } from '#lib/base/log.ts'
import { defaultConfig } from '#lib/config.ts'
import type { AwsEngine } from '#lib/engine/aws/engine.ts'
import { stateLines } from '#lib/mail/mailbox/describe.ts'
import { MailStore } from '#lib/mail/mailbox/store.ts'
import { Client } from '#test/serve/imap/client.ts'
import { openStage } from '#test/serve/imap/stage.ts'
import type { Stage } from '#test/serve/imap/stage.ts'
import { makeAccount } from './account.ts'
import type { Account } from './account.ts'
import { startEmulator } from './emulators.ts'

const emulator = await startEmulator('ministack')

interface Front {
  readonly engine: AwsEngine
  readonly store: MailStore
  readonly stage: Stage
}

const rounds = 15
const messages = 6

describe('Two front tasks on one account', { skip: typeof emulator === 'string' && emulator }, () => {
  const fronts: Front[] = []
  let account: Account

  const openFront = async (): Promise<Front> => {
    const { aws, mailbox } = defaultConfig()
    const engine = await account.open({ clients: account.makeClients(), settings: { ...aws, pollMs: 20_000 } })
    // So seldom that what is heard in time was rung.
    const store = new MailStore({ table: engine.table, blobs: engine.blobs, bell: engine.bell, clock: systemClock, log: makeLog(() => undefined, { now: Date.now }), settings: { ...mailbox, lookEveryMs: 600_000, snapshotEntries: 10 } })
    const front = { engine, store, stage: await openStage({ clock: systemClock, deps: { store } }) }
    fronts.push(front)
    return front
  }
  const enter = async ({ stage }: Front): Promise<Client> => {
    const client = await Client.enter(stage.connect(), 'anna')
    await client.ok('SELECT INBOX')
    return client
  }
  const append = async (client: Client, text: string): Promise<void> => {
    await client.ok(`APPEND INBOX {${text.length + 15}+}\r\nSubject: ${text}\r\n\r\n\r\n`)
  }
  const linesOf = async ({ store }: Front): Promise<string[]> => {
    const mail = await store.open('anna')
    mail.release()
    return [...stateLines(mail.state)]
  }

  before(async () => {
    if (typeof emulator === 'string') return
    account = await makeAccount(emulator.endpoint)
    await openFront()
    await openFront()
  })
  after(async () => {
    for (const { stage, store, engine } of fronts) {
      await stage.stop(0)
      await store.close()
      await engine.close()
    }
    if (typeof emulator !== 'string') await emulator.stop()
  })

  it('lose no update of each other: keywords on the same messages, new messages, copies and expunges', async () => {
    const clients = await Promise.all(fronts.map(enter))
    const [first] = clients
    assert.ok(first)
    for (let index = 0; index < messages; index++) await append(first, `early ${index}`)
    for (const client of clients) await client.ok('NOOP')
    const work = async (client: Client, side: string): Promise<void> => {
      for (let round = 0; round < rounds; round++) {
        await client.ok(`UID STORE 1:${messages} +FLAGS.SILENT (${side}${round})`)
        await append(client, `${side} ${round}`)
        if (round % 5 === 0) await client.ok(`UID COPY ${1 + (round % messages)} Archive`)
        await client.ok(`UID STORE 1:${messages} -FLAGS.SILENT (${side}${round - 1})`)
      }
    }
    await Promise.all(clients.map(async (client, at) => work(client, at === 0 ? 'a' : 'b')))
    for (const client of clients) {
      await client.ok('NOOP')
      const untagged = (await client.ok(`UID FETCH 1:${messages} (FLAGS)`)).untagged.filter((line) => line.includes('FETCH'))
      assert.equal(untagged.length, messages)
      // The last of each side, and no other: no STORE was overwritten by one that had seen less.
      for (const line of untagged) assert.deepEqual([...line.matchAll(/\b([ab]\d+)\b/g)].map(([, flag]) => flag).toSorted(), [`a${rounds - 1}`, `b${rounds - 1}`], line)
      const found = await client.ok('STATUS INBOX (MESSAGES)')
      assert.match(found.untagged.join(), new RegExp(`MESSAGES ${messages + 2 * rounds}\\b`))
      assert.match((await client.ok('STATUS Archive (MESSAGES)')).untagged.join(), /MESSAGES 6\b/)
    }
    await Promise.all(clients.map(async (client, at) => client.ok(`UID STORE ${1 + at} +FLAGS.SILENT (\\Deleted)`)))
    await Promise.all(clients.map(async (client, at) => client.ok(`UID EXPUNGE ${1 + at}`)))
    const [one, other] = await Promise.all(fronts.map(linesOf))
    assert.deepEqual(one, other)
    // A task that starts now reads the same from the log and its snapshots.
    const third = await openFront()
    assert.deepEqual(await linesOf(third), one)
    await Promise.all(clients.map(async (client) => client.close()))
  })

  it('tell an idle client of the one what is done at the other, by the bell', async () => {
    const [one, other] = fronts
    assert.ok(one && other)
    const [waiting, working] = [await enter(one), await enter(other)]
    waiting.send(`${waiting.nextTag} IDLE\r\n`)
    assert.match(await waiting.response(), /^\+/)
    await one.engine.settled()
    const hear = async (wanted: RegExp): Promise<void> => {
      const late = new AbortController()
      const limit = systemClock.sleep(20_000, late.signal).then(() => assert.fail(`nothing like ${wanted.source} was heard`))
      const listen = (async () => {
        while (!wanted.test(await waiting.response()));
      })()
      await Promise.race([listen, limit])
      late.abort()
    }
    await append(working, 'news')
    await hear(/^\* \d+ EXISTS/)
    await working.ok('UID STORE 3 +FLAGS.SILENT (\\Answered)')
    await hear(/^\* \d+ FETCH .*\\Answered/)
    await working.ok('UID STORE 3 +FLAGS.SILENT (\\Deleted)')
    await working.ok('UID EXPUNGE 3')
    await hear(/^\* \d+ EXPUNGE/)
    await Promise.all([waiting.close(), working.close()])
  })
})
