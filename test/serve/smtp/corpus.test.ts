import assert from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { converse } from '../converse.ts'
import { codes, openStage } from './stage.ts'

const corpus = fileURLToPath(new URL('../../../../shared/corpus/', import.meta.url))
const files = existsSync(corpus) ? globSync('**/*.eml', { cwd: corpus }).sort().slice(0, 300) : []

test('real messages come through DATA and BDAT as they were sent', { skip: files.length === 0 ? 'the corpus is not beside this checkout' : false }, async () => {
  const stage = await openStage({ smtp: { maxHops: 1000, maxCommands: 100_000 } })
  const mail = 'MAIL FROM:<a@b.example>\r\nRCPT TO:<anna@example.org>\r\n'
  const sent: string[] = []
  let text = 'EHLO c\r\n'
  for (const file of files) {
    // As a mail program sends a file: CR LF everywhere, one at the end.
    const message = readFileSync(corpus + file).toString('latin1').replace(/\r\n|\r|\n/g, '\r\n').replace(/(?<!\r\n)$/, '\r\n').replaceAll('\0', '')
    sent.push(message, message)
    text += `${mail}DATA\r\n${message.replace(/(^|\r\n)\./g, '$1..')}.\r\n${mail}BDAT ${message.length} LAST\r\n${message}`
  }
  const heard = await converse(stage, [`${text}QUIT\r\n`])
  await stage.stop(0)
  assert.doesNotMatch(codes(heard), /[45]\d\d/)
  assert.deepEqual(stage.taken.map(({ body }) => body), sent)
})
