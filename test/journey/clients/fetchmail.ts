import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { notInstalled, password, run } from '../harness.ts'
import { addressOf } from './desk.ts'
import type { Desk } from './desk.ts'

/** Needs the user erik. Over POP3 it is shown in receiving.test.ts. */
export function fetchmail(desk: () => Desk): void {
  describe('fetchmail over IMAP', { skip: notInstalled('fetchmail') }, () => {
    it('keeps what it fetched as seen, or deletes it, in each folder', async () => {
      await desk().put('erik', 'INBOX', ['one', 'two'])
      await desk().put('erik', 'Archive', ['old'])
      const mail = desk().stage.path('fetchmail.mail')
      const poll = async (keep: string): Promise<{ code: number; stdout: string; stderr: string }> => {
        const settings = desk().stage.path('fetchmail.rc')
        writeFileSync(mail, '')
        desk().settings('fetchmail', settings, `poll localhost protocol IMAP port ${desk().imaps}\n  user "${addressOf('erik')}" password "${password}"\n  ssl sslcertck sslcertfile "${desk().certificate}"\n  folder INBOX, Archive\n  ${keep} mda "cat >>${mail}"\n`)
        // 1: no mail to fetch.
        return await run('fetchmail', ['-f', settings, '--nodetach', '--nosyslog', '--pidfile', desk().stage.path('fetchmail.pid')], { env: { HOME: desk().home('fetchmail') }, mayFail: true })
      }
      const subjects = (): string[] => [...readFileSync(mail, 'latin1').matchAll(/^Subject: (.*?)\r?$/gm)].map(([, subject = '']) => subject)

      const first = await poll('keep')
      assert.equal(first.code, 0)
      assert.equal(first.stderr.replace('fetchmail: WARNING: Running as root is discouraged.\n', ''), '')
      assert.deepEqual(subjects(), ['one', 'two', 'old'])
      assert.deepEqual(await desk().lines('erik', 'INBOX'), ['one \\Seen', 'two \\Seen'])
      assert.equal((await poll('keep')).code, 1)
      assert.deepEqual(subjects(), [])
      await poll('fetchall nokeep')
      assert.deepEqual(subjects(), ['one', 'two', 'old'])
      assert.deepEqual([await desk().lines('erik', 'INBOX'), await desk().lines('erik', 'Archive')], [[], []])
    })
  })
}
