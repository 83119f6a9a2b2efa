import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { converse } from '../converse.ts'
import { codes, openStage } from './stage.ts'

const refusing = await openStage()
const repairing = await openStage({ smtp: { bareLineEnds: 'repair' } })
after(() => Promise.all([refusing.stop(0), repairing.stop(0)]))

const open = 'EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<anna@example.org>\r\nDATA\r\n'
const smuggled = 'MAIL FROM:<evil@b.example>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nSubject: smuggled\r\n\r\nx'

/** Ways to write an end of data that some server somewhere has believed. All but the true one are text here. */
const falseEnds = ['\n.\n', '\n.\r\n', '\r\n.\n', '\r.\r\n', '\r.\r', '\r\n.\r', '\n.\r', '\r.\n', '\n\n.\r\n', '\n\r.\r\n', '\r\n\0.\r\n', '\r\n.\0\r\n', '\0\r\n.\0\0\n', '\r\n.\r\r\n', '\r\r\n\r.\n', '\n..\r\n', '\r\n.\x85', '\x0b.\x0b', '\r\x00\n.\r\n']

for (const end of falseEnds) {
  const shown = JSON.stringify(end)
  test(`${shown} does not end a message`, async () => {
    const before = refusing.taken.length
    const heard = await converse(refusing, [open, `Subject: x\r\n\r\nbody${end}${smuggled}\r\n.\r\n`, 'QUIT\r\n'])
    const answered = refusing.taken.length - before
    // One message at most, and never the smuggled envelope.
    assert.equal(codes(heard), answered === 1 ? '220 250 250 250 354 250 221' : '220 250 250 250 354 554 221')
    assert.equal(answered === 1, !/[\0\r\n]/.test(end.replaceAll('\r\n', '')), 'refused exactly when an octet stands alone')
    if (answered === 1) assert.match(refusing.taken.at(-1)?.body ?? '', /MAIL FROM:<evil@b\.example>/)
  })

  test(`${shown} cannot end a message after repair and relay either`, async () => {
    const before = repairing.taken.length
    await converse(repairing, [open, `Subject: x\r\n\r\nbody${end}${smuggled}\r\n.\r\n`, 'QUIT\r\n'])
    const taken = repairing.taken.slice(before)
    assert.ok(taken.length <= 1)
    for (const { body } of taken) {
      assert.doesNotMatch(body, /[^\r]\n|\r[^\n]|^\n|\r$|\0/)
      assert.match(body, /MAIL FROM:<evil@b\.example>/)
      // As a relay sends it: every line that begins with a dot gets one more, so no line is a single dot.
      assert.doesNotMatch(body.replace(/(^|\r\n)\./g, '$1..'), /\r\n\.\r\n/)
    }
  })
}

test('only CR LF . CR LF ends a message, and what follows is a command again', async () => {
  const before = refusing.taken.length
  const heard = await converse(refusing, [open, `Subject: x\r\n\r\nbody\r\n.\r\n${smuggled}\r\n.\r\nQUIT\r\n`])
  assert.equal(codes(heard), '220 250 250 250 354 250 250 250 354 250 221')
  assert.equal(refusing.taken.length - before, 2)
})

test('a bare LF cannot smuggle a command', async () => {
  assert.equal(codes(await converse(refusing, ['EHLO c\r\nNOOP\nMAIL FROM:<a@b.example>\r\n'])), '220 250 500')
  assert.equal(codes(await converse(refusing, ['EHLO c\r\nMAIL FROM:<a@b.example>\rRCPT TO:<anna@example.org>\r\nQUIT\r\n'])), '220 250 500 221')
})

test('BDAT refuses bare line ends as DATA does', async () => {
  const chunk = 'a: b\r\n\r\nx\ny\r\n'
  const bdat = `EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<anna@example.org>\r\nBDAT ${chunk.length} LAST\r\n${chunk}QUIT\r\n`
  assert.equal(codes(await converse(refusing, [bdat])), '220 250 250 250 554 221')
  await converse(repairing, [bdat])
  assert.equal(repairing.taken.at(-1)?.body, 'a: b\r\n\r\nx\r\ny\r\n')
})
