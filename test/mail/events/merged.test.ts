/** Events and compaction: what a webhook waits for stays, and what is gone is told of. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readEvents } from '#lib/mail/events/replay.ts'
import { writeSent, beginTarget, targetOf } from '#lib/mail/events/feed.ts'
import { compactAccount } from '#lib/mail/mailbox/compact.ts'
import { changeFlags } from '#lib/mail/mailbox/flags.ts'
import { eventsOf } from '#lib/mail/events/eventsOf.ts'
import { readEntries } from '#lib/mail/mailbox/tail.ts'
import { fileText, inboxOf } from '../mailbox/setting.ts'
import { openSending, url } from './sending.ts'

const month = 31 * 24 * 60 * 60 * 1000

/** Entry 2 files a message, 3 to 202 flag it, 203 files another. */
async function flagged() {
  const sending = openSending()
  await beginTarget(sending.engine.table, targetOf(url), sending.clock.now())
  const account = await sending.store.open('anna')
  await fileText(account)
  for (let n = 0; n < 200; n++) await changeFlags(account, { mailboxId: inboxOf(account.state).id, uids: [1], action: n % 2 === 0 ? 'add' : 'remove', flags: ['\\Flagged'] })
  await fileText(account)
  sending.clock.at += month
  const list = async (from: number, to?: number) => {
    const gone: string[] = []
    const told: number[] = []
    for await (const { sequence } of readEvents(sending.engine.table, 'anna', { from, ...(to === undefined ? {} : { to }), types: [], onGone: (first, last) => gone.push(`${first}-${last}`) })) told.push(sequence)
    return { gone, told }
  }
  return { ...sending, account, list }
}

describe('events of a log that is compacted', () => {
  it('are all told to a webhook that is behind', async () => {
    const { engine, account, list } = await flagged()
    const before = await list(1)
    await writeSent(engine.table, targetOf(url), 'anna', 100)
    await compactAccount(account)
    assert.deepEqual((await list(101)).told, before.told.filter((sequence) => sequence > 100))
    assert.deepEqual((await list(101)).gone, [])
    assert.deepEqual(await list(1), { gone: ['3-100'], told: [2, ...before.told.filter((sequence) => sequence > 100)] })
  })

  it('are told of where they are gone, whatever the stretch', async () => {
    const { engine, account, list } = await flagged()
    await writeSent(engine.table, targetOf(url), 'anna', 1000)
    await compactAccount(account)
    assert.deepEqual(await list(1), { gone: ['3-202'], told: [2, 203] })
    assert.deepEqual(await list(50, 60), { gone: ['50-60'], told: [] })
    assert.deepEqual(await list(203), { gone: [], told: [203] })
    assert.deepEqual(await list(1, 2), { gone: [], told: [2] })
  })

  it('a settling entry is none itself', async () => {
    const { engine, account } = await flagged()
    await writeSent(engine.table, targetOf(url), 'anna', 1000)
    await compactAccount(account)
    for await (const { sequence, entry } of readEntries(engine.table, 'anna', 3, 203)) assert.deepEqual(eventsOf('anna', sequence, entry), [])
  })
})
