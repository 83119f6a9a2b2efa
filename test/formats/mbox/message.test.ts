import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { asctime, mboxMessage } from '#lib/formats/mbox/message.ts'

const when = Date.UTC(2026, 0, 3, 1, 5, 34)
const first = 'From MAILER-DAEMON Sat Jan  3 01:05:34 2026\n'

async function* inPieces(octets: Buffer, bytes: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < octets.length; at += bytes) yield octets.subarray(at, at + bytes)
}

async function made(text: string, flags: readonly string[] = [], bytes = 7): Promise<string> {
  const all: Uint8Array[] = []
  for await (const chunk of mboxMessage({ internalDate: when, flags, content: inPieces(Buffer.from(text, 'latin1'), bytes) })) all.push(chunk)
  return Buffer.concat(all).toString('latin1')
}

describe('a message in an mbox', () => {
  const header = 'Subject: x\r\n'
  for (const [what, text, rest] of [
    ['an ordinary one', `${header}\r\nHello.\r\n`, 'Subject: x\nStatus: O\n\nHello.\n\n'],
    ['one without a body', header, 'Subject: x\nStatus: O\n\n\n'],
    ['one without a last line end', `${header}\r\nHello`, 'Subject: x\nStatus: O\n\nHello\n\n'],
    ['one without a header', '\r\nHello.\r\n', 'Status: O\n\nHello.\n\n'],
    ['an empty one', '', 'Status: O\n\n\n'],
    ['one with lines that look like the next message', `${header}\r\nFrom me\r\n>From you\r\n>>From all\r\n From here\r\nFrom:\r\n`, 'Subject: x\nStatus: O\n\n>From me\n>>From you\n>>>From all\n From here\nFrom:\n\n'],
    ['one that brings flags of its own along', `Status: RO\r\nX-Status: A\r\n\tmore\r\n${header}X-KEYWORDS : y\r\nContent-Length: 3\r\n\r\nStatus: stays\r\n`, 'Subject: x\nStatus: O\n\nStatus: stays\n\n'],
  ] as const)
    it(`is ${what}`, async () => {
      for (const bytes of [1, 2, 7, 10_000]) assert.equal(await made(text, [], bytes), first + rest)
    })

  it('bears its flags in the fields that mail programs read', async () => {
    assert.equal(await made(`${header}\r\n`, ['\\Answered', '\\Flagged', '\\Deleted', '\\Seen', '\\Draft', 'label', '$Forwarded']), `${first}Subject: x\nStatus: RO\nX-Status: AFTD\nX-Keywords: label $Forwarded\n\n\n`)
  })

  it('passes lines of any length on without holding them', async () => {
    const line = `From ${'a'.repeat(100_000)}\r\n`
    for (const bytes of [999, 64 * 1024]) assert.equal(await made(`${header}\r\n${line}`, [], bytes), `${first}Subject: x\nStatus: O\n\n>${line.replace('\r', '')}\n`)
  })

  it('has its time in 24 characters', () => {
    for (const ms of [0, when, Date.UTC(2026, 10, 25, 23, 59, 59)]) assert.equal(asctime(ms).length, 24)
    assert.equal(asctime(Date.UTC(2026, 10, 25, 23, 59, 59)), 'Wed Nov 25 23:59:59 2026')
  })

  it('can be read back, whatever it says and however it comes', async () => {
    const body = fc.array(fc.constantFrom('From ', '>', '\r\n', '\r\n\r\n', 'a', 'Status: O', ' '), { maxLength: 30 }).map((parts) => parts.join(''))
    await fc.assert(
      fc.asyncProperty(body, fc.integer({ min: 1, max: 50 }), async (text, bytes) => {
        const written = await made(`${header}\r\n${text}`, [], bytes)
        const lines = written.split('\n')
        assert.equal(lines.filter((line) => line.startsWith('From ')).length, 1)
        const back = lines.slice(4, -2).map((line) => line.replace(/^>(>*From )/, '$1')).join('\n')
        assert.equal(back, text.replaceAll('\r\n', '\n').replace(/\n$/, ''))
      }),
    )
  })
})
