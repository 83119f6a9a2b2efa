/** What `pennypost mailbox export` has written, read by a program that is not ours. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { Stage, curl, message, missing, run, startServer } from './harness.ts'
import type { Pennypost } from './harness.ts'

describe('an exported account is read by mutt', { skip: missing('mutt', 'curl') }, () => {
  const stage = new Stage()
  let server: Pennypost

  before(async () => {
    server = await startServer(stage, { users: ['alice'] })
    for (const [subject, flags] of [['seen', '\\Seen'], ['flagged', '\\Flagged \\Seen'], ['answered', '\\Answered \\Seen'], ['new', '']] as const) {
      const file = stage.path(`${subject}.eml`)
      writeFileSync(file, message({ from: 'ann@sender.test', to: 'alice@ours.test', subject }) + 'From a line that looks like the next message\r\n')
      await curl(`imaps://127.0.0.1:${server.port(993)}/INBOX`, 'alice@ours.test', '--upload-file', file)
      await curl(`imaps://127.0.0.1:${server.port(993)}/INBOX`, 'alice@ours.test', '-X', `STORE * FLAGS (${flags})`)
    }
    for (const format of ['maildir', 'mbox']) await server.cli('mailbox', 'export', 'alice@ours.test', '--to', stage.path(format), '--format', format)
  })
  after(() => stage.end())

  /** The subjects of those messages that mutt finds by the pattern. A folder that is there keeps it from asking for one. */
  async function found(mailbox: string, pattern: string): Promise<string[]> {
    const [configuration, copy] = [stage.path('muttrc'), stage.path(`copy-${Math.random()}`)]
    writeFileSync(configuration, `set folder="${stage.directory}"\nset auto_tag=yes\nset mbox_type=mbox\nset confirmappend=no\nset confirmcreate=no\nset sleep_time=0\nset quit=yes\nset move=no\nset header_cache=""\nset spoolfile="${mailbox}"\npush "<tag-pattern>${pattern}<enter><copy-message>${copy}<enter><exit>"\n`)
    await run('script', ['-qec', `mutt -F ${configuration} -R -f ${mailbox}`, '/dev/null'], { env: { TERM: 'xterm', HOME: stage.directory }, timeoutMs: 30_000, mayFail: true })
    return existsSync(copy) ? [...readFileSync(copy, 'latin1').matchAll(/^Subject: (.*)$/gm)].map(([, subject = '']) => subject) : []
  }

  for (const [format, path] of [['maildir', 'INBOX'], ['mbox', 'INBOX.mbox']] as const)
    it(`as ${format}, with its flags`, async () => {
      const mailbox = stage.path(format, 'alice@ours.test', path)
      assert.deepEqual((await found(mailbox, '~A')).sort(), ['answered', 'flagged', 'new', 'seen'])
      assert.deepEqual(await found(mailbox, '~F'), ['flagged'])
      assert.deepEqual(await found(mailbox, '~Q'), ['answered'])
      assert.deepEqual(await found(mailbox, '~U'), ['new'])
    })
})
