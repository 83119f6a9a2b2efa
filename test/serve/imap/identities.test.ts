/** What stays the same and what is new when messages and mailboxes go from one place to another: OBJECTID (RFC 8474) and SAVEDATE (RFC 8514). */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '#lib/base/clock.ts'
import { Client } from './client.ts'
import { openStage } from './stage.ts'

const day = 86_400_000

test('EMAILID goes along with COPY and MOVE; REPLACE and APPEND make a new one (RFC 8474 §5.1)', async () => {
  const stage = await openStage()
  const client = await Client.enter(stage.connect(), 'objects')
  const id = async (mailbox: string, uid: number): Promise<string> => {
    await client.ok(`SELECT ${mailbox}`)
    return /EMAILID \(([A-Za-z0-9_-]{1,255})\)/.exec((await client.ok(`UID FETCH ${uid} (EMAILID)`)).untagged.join())?.[1] ?? 'none'
  }
  await client.ok('APPEND INBOX {6+}\r\na: b\r\n {6+}\r\na: b\r\n')
  const first = await id('INBOX', 1)
  assert.notEqual(await id('INBOX', 2), first, 'the same octets filed twice are two messages')
  await client.ok('COPY 1 Sent')
  await client.ok('COPY 1 INBOX')
  assert.equal(await id('Sent', 1), first)
  assert.equal(await id('INBOX', 3), first)
  await client.ok('UID MOVE 3 Archive')
  assert.equal(await id('Archive', 1), first)
  assert.deepEqual((await client.ok(`UID SEARCH EMAILID ${first}`)).untagged, ['SEARCH 1'])
  await client.ok('UID REPLACE 1 Archive {6+}\r\na: c\r\n')
  const replaced = await id('Archive', 2)
  assert.notEqual(replaced, first)
  await client.ok('APPEND Archive CATENATE (URL "/Archive/;UID=2")')
  assert.notEqual(await id('Archive', 3), replaced)
  assert.deepEqual((await client.ok('FETCH 1:2 (THREADID)')).untagged, ['1 FETCH (THREADID NIL)', '2 FETCH (THREADID NIL)'])
  await client.close()
  await stage.stop(0)
})

test('MAILBOXID stays with RENAME, its children included, and is a new one after DELETE and CREATE (RFC 8474 §4)', async () => {
  const stage = await openStage()
  const client = await Client.enter(stage.connect(), 'objects')
  const told = async (name: string): Promise<string> => /MAILBOXID \(([A-Za-z0-9_-]{1,255})\)/.exec((await client.ok(`STATUS ${name} (MAILBOXID)`)).untagged.join())?.[1] ?? 'none'
  const made = /MAILBOXID \(([^)]*)\)/.exec((await client.ok('CREATE A/b')).text)?.[1]
  assert.equal(await told('A/b'), made)
  await client.ok('RENAME A C')
  assert.equal(await told('C/b'), made)
  assert.ok((await client.ok('SELECT C/b')).untagged.some((line) => line.startsWith(`OK [MAILBOXID (${made ?? ''})]`)))
  await client.ok('UNSELECT')
  await client.ok('DELETE C/b')
  await client.ok('CREATE C/b')
  assert.notEqual(await told('C/b'), made)
  const inbox = await told('INBOX')
  await client.ok('RENAME INBOX Old')
  assert.equal(await told('INBOX'), inbox)
  assert.notEqual(await told('Old'), inbox)
  await client.close()
  await stage.stop(0)
})

test('SAVEDATE is when a message came into this mailbox, INTERNALDATE goes along (RFC 8514 §4)', async () => {
  let now = Date.UTC(2026, 0, 10, 12)
  const stage = await openStage({ clock: { now: () => now, sleep: (ms, signal) => systemClock.sleep(ms, signal) } })
  const client = await Client.enter(stage.connect(), 'dates')
  const dates = async (mailbox: string): Promise<string[]> => {
    await client.ok(`SELECT ${mailbox}`)
    return (await client.ok('UID FETCH 1:* (INTERNALDATE SAVEDATE)')).untagged.map((line) => [...line.matchAll(/"(\d\d-\w{3}-\d{4})/g)].map((match) => match[1]).join(' '))
  }
  await client.ok('APPEND INBOX "01-Jan-2020 00:00:00 +0000" {6+}\r\na: b\r\n')
  assert.deepEqual(await dates('INBOX'), ['01-Jan-2020 10-Jan-2026'])
  now += day
  await client.ok('COPY 1 Sent')
  assert.deepEqual(await dates('Sent'), ['01-Jan-2020 11-Jan-2026'])
  now += day
  await client.ok('MOVE 1 INBOX')
  assert.deepEqual(await dates('INBOX'), ['01-Jan-2020 10-Jan-2026', '01-Jan-2020 12-Jan-2026'])
  now += day
  await client.ok('REPLACE 1 INBOX {6+}\r\na: c\r\n')
  await client.ok('STORE 1 +FLAGS (\\Seen)')
  assert.deepEqual(await dates('INBOX'), ['01-Jan-2020 12-Jan-2026', '13-Jan-2026 13-Jan-2026'])
  for (const [key, found] of [['SAVEDBEFORE 13-Jan-2026', ' 2'], ['SAVEDON 13-Jan-2026', ' 3'], ['SAVEDSINCE 12-Jan-2026', ' 2 3'], ['SAVEDATESUPPORTED', ' 2 3'], ['NOT SAVEDON 13-Jan-2026', ' 2']] as const) {
    assert.deepEqual((await client.ok(`UID SEARCH ${key}`)).untagged, [`SEARCH${found}`], key)
  }
  await client.close()
  await stage.stop(0)
})
