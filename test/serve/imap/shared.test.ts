/** Shared mailboxes where several processes work on one engine, and what looking at them costs and tells. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from './client.ts'
import { openStage } from './stage.ts'

const inbox = '"Other Users/owner@example.org/INBOX"'

test('what an owner takes back in another process is gone at the next command, and what is given is there', async () => {
  const one = await openStage()
  const other = await openStage({ engine: one.engine })
  const owner = await Client.enter(one.connect(), 'owner')
  await owner.ok('SETACL INBOX guest lrs')
  owner.send('x APPEND INBOX {9+}\r\na: b\r\n\r\nx\r\n')
  await owner.response()
  const guest = await Client.enter(other.connect(), 'guest')
  await guest.ok(`SELECT ${inbox}`)
  await guest.ok('STORE 1 +FLAGS (\\Seen)')
  await owner.ok('SETACL INBOX guest -s')
  assert.equal((await guest.command('STORE 1 -FLAGS (\\Seen)')).status, 'NO')
  await owner.ok('SETACL INBOX guest +sw')
  const { untagged } = await guest.ok('STORE 1 -FLAGS (\\Seen)')
  assert.deepEqual(untagged, ['1 FETCH (UID 1 FLAGS ())', 'FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)', 'OK [PERMANENTFLAGS (\\Answered \\Flagged \\Seen \\Draft \\*)] These flags can be changed'])
  await owner.ok('DELETEACL INBOX guest')
  await assert.rejects(guest.command('FETCH 1 FLAGS'), /not expected|closed/)
  await Promise.all([one.stop(0), other.stop(0)])
})

test('nobody learns by asking which users there are, and no account begins by it', async () => {
  const stage = await openStage()
  const guest = await Client.enter(stage.connect(), 'guest')
  const answers = new Set<string>()
  for (const address of ['nobody@example.org', 'quiet@example.org', 'quiet@nowhere.example', 'guest@example.org', 'shared@example.org', 'no address', '%2F', '']) {
    for (const words of ['SELECT', 'STATUS', 'GETACL', 'DELETE', 'GETQUOTAROOT']) {
      const { status, text } = await guest.command(`${words} "Other Users/${address}/INBOX"${words === 'STATUS' ? ' (MESSAGES)' : ''}`)
      answers.add(`${status} ${text}`)
    }
  }
  assert.deepEqual([...answers], ['NO [NONEXISTENT] There is no such mailbox'])
  assert.deepEqual([...stage.engine.rows.keys()].filter((partition) => partition.startsWith('mail/')), ['mail/guest'])
  await stage.stop(0)
})

test('a row that leads to an owner who is gone is taken away when somebody looks', async () => {
  const stage = await openStage()
  stage.engine.rows.set('shares/guest', new Map([['nobody7', Buffer.from('{}')]]))
  const guest = await Client.enter(stage.connect(), 'guest')
  assert.deepEqual((await guest.ok('LIST "" "Other*"')).untagged, [])
  assert.equal(stage.engine.rows.get('shares/guest')?.size ?? 0, 0)
  await stage.stop(0)
})

test('a pattern that cannot reach others costs no look at them', async () => {
  const stage = await openStage()
  const guest = await Client.enter(stage.connect(), 'guest')
  await guest.ok('LIST "" *')
  stage.engine.forgetCalls()
  await guest.ok('LIST "" "S%"')
  const own = { ...stage.engine.calls }
  stage.engine.forgetCalls()
  await guest.ok('LIST "" "Arch*"')
  assert.deepEqual({ ...stage.engine.calls, get: 0 }, { get: 0, range: 1, commit: 0, put: 0, read: 0, delete: 0, list: 0, info: 0 })
  // The shared account of the domain could be meant: two gets say that it shares nothing.
  assert.equal(own.get, 2)
  await stage.stop(0)
})

test('a mailbox of one\'s own is never hidden behind the names of others\'', async () => {
  const stage = await openStage({ imap: { otherUsersName: '' } })
  const client = await Client.enter(stage.connect(), 'guest')
  assert.deepEqual((await client.ok('NAMESPACE')).untagged, ['NAMESPACE (("" "/")) NIL (("Shared/" "/"))'])
  await client.ok('CREATE "Other Users/mine"')
  await stage.stop(0)
  const later = await openStage({ engine: stage.engine })
  const again = await Client.enter(later.connect(), 'guest')
  await again.ok('SELECT "Other Users/mine"')
  assert.deepEqual((await again.ok('LIST "" "Other*"')).untagged, ['LIST (\\NonExistent \\Noselect \\HasChildren) "/" "Other Users"', 'LIST (\\HasNoChildren) "/" "Other Users/mine"'])
  await later.stop(0)
})

test('a local part with the separator in it makes one level of a name', async () => {
  const stage = await openStage()
  const owner = await Client.enter(stage.connect(), '"a/b%c"')
  await owner.ok('SETACL Archive guest lr')
  const guest = await Client.enter(stage.connect(), 'guest')
  assert.deepEqual((await guest.ok('LIST "" "Other Users/*/Archive"')).untagged, ['LIST (\\HasNoChildren) "/" "Other Users/a%2Fb%25c@example.org/Archive"'])
  await guest.ok('SELECT "Other Users/a%2Fb%25c@example.org/Archive"')
  await stage.stop(0)
})
