/** Every command on a mailbox of somebody else needs the rights of RFC 4314 §4, each of them, and no others. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Client } from './client.ts'
import { openStage } from './stage.ts'

const stage = await openStage()
after(() => stage.stop(0))

const allRights = 'lrswipkxtea'

interface Case {
  /** `BOX` is the shared mailbox, `URLOFBOX` its URL. */
  readonly words: string
  readonly needs: string
  /** The mailbox is selected before: then `r` is needed for that. */
  readonly selected?: true
}

const message = '{6+}\r\na: b\r\n'

const cases: readonly Case[] = [
  { words: 'SELECT BOX', needs: 'r' },
  { words: 'EXAMINE BOX', needs: 'r' },
  { words: 'STATUS BOX (MESSAGES)', needs: 'r' },
  { words: `APPEND BOX ${message}`, needs: 'i' },
  { words: 'CREATE BOX/below', needs: 'k' },
  { words: 'DELETE BOX', needs: 'x' },
  // Both at once: the new name is below the same mailbox.
  { words: 'RENAME BOX/child BOX/other', needs: 'xk' },
  { words: 'SETACL BOX third lr', needs: 'a' },
  { words: 'DELETEACL BOX third', needs: 'a' },
  { words: 'GETACL BOX', needs: 'a' },
  { words: 'LISTRIGHTS BOX third', needs: 'a' },
  { words: 'GETQUOTAROOT BOX', needs: 'r' },
  { words: 'SETMETADATA BOX (/shared/comment "x")', needs: 'lw' },
  { words: 'APPEND INBOX CATENATE (URL "URLOFBOX/;UID=1")', needs: 'r' },
  { words: 'STORE 1 +FLAGS (\\Seen)', needs: 's', selected: true },
  { words: 'STORE 1 +FLAGS (\\Deleted)', needs: 't', selected: true },
  { words: 'STORE 1 +FLAGS ($Work)', needs: 'w', selected: true },
  { words: 'EXPUNGE', needs: 'e', selected: true },
  { words: 'UID EXPUNGE 1', needs: 'e', selected: true },
  { words: 'COPY 1 INBOX', needs: '', selected: true },
  { words: 'COPY 1 BOX', needs: 'i', selected: true },
  { words: 'MOVE 1 INBOX', needs: 'te', selected: true },
  { words: 'UID MOVE 1 BOX', needs: 'tei', selected: true },
  { words: `REPLACE 1 BOX ${message}`, needs: 'tei', selected: true },
  { words: `UID REPLACE 1 INBOX ${message}`, needs: 'te', selected: true },
]

let count = 0

/** A fresh owner with two mailboxes, one below the other, shared with these rights; what the visitor is answered. */
async function tryWith(rights: string, { words, selected }: Case): Promise<string> {
  const name = `rights${++count}`
  const owner = await Client.enter(stage.connect(), name)
  for (const mailbox of ['Box', 'Box/child']) {
    await owner.ok(`CREATE ${mailbox}`)
    await owner.ok(`SETACL ${mailbox} visitor${count} ${rights}`)
  }
  await owner.ok(`APPEND Box (\\Flagged) ${message}`)
  const visitor = await Client.enter(stage.connect(), `visitor${count}`)
  const box = `"Other Users/${name}@example.org/Box`
  const filled = words.replaceAll('URLOFBOX', encodeURI(`/Other Users/${name}@example.org/Box`)).replaceAll(/\bBOX(\/\w+)?/g, (_, below: string | undefined) => `${box}${below ?? ''}"`)
  if (selected === true) await visitor.ok(`SELECT ${box}"`)
  const { status, text } = await visitor.command(filled)
  await Promise.all([owner.close(), visitor.close()])
  return `${status} ${text}`
}

for (const one of cases) {
  test(`${one.words.replaceAll('\r\n', ' ')} needs ${one.needs === '' ? 'no more than to read' : `the rights ${one.needs}`}, each of them`, async () => {
    const base = one.selected === true ? `r${one.needs}` : one.needs
    assert.match(await tryWith(base === '' ? 'l' : base, one), /^OK /, 'with just these')
    for (const right of one.needs) {
      const answer = await tryWith([...allRights].filter((other) => other !== right).join(''), one)
      assert.match(answer, right === 'l' ? /^NO \[NONEXISTENT\]/ : /^NO \[(NOPERM|CANNOT|BADURL)/, `without ${right}`)
    }
  })
}

test('without rights that reveal it, a mailbox is not there, whatever is asked', async () => {
  for (const one of cases.filter(({ selected }) => selected === undefined)) {
    const answer = await tryWith('p', one)
    assert.match(answer, /^NO \[(NONEXISTENT|TRYCREATE|NOPERM|BADURL)/, one.words)
    assert.doesNotMatch(answer, /may not do this/, one.words)
  }
})

test('reading marks nothing as seen and closing expunges nothing, without the rights to', async () => {
  const owner = await Client.enter(stage.connect(), 'quiet1')
  await owner.ok('SETACL INBOX quietguest lrte')
  await owner.ok(`APPEND INBOX (\\Deleted) ${message}`)
  const visitor = await Client.enter(stage.connect(), 'quietguest')
  await visitor.ok('SELECT "Other Users/quiet1@example.org/INBOX"')
  assert.deepEqual((await visitor.ok('FETCH 1 (BODY[TEXT])')).untagged, ['1 FETCH (UID 1 BODY[TEXT] {0}\r\n)'])
  await owner.ok('SETACL INBOX quietguest lrt')
  await visitor.ok('CLOSE')
  await owner.ok('SELECT INBOX')
  assert.deepEqual((await owner.ok('FETCH 1 FLAGS')).untagged, ['1 FETCH (FLAGS (\\Deleted))'])
  await Promise.all([owner.close(), visitor.close()])
})
