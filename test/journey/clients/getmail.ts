import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { notInstalled, password, run } from '../harness.ts'
import { addressOf } from './desk.ts'
import type { Desk } from './desk.ts'

/** Needs the user dora. */
export function getmail(desk: () => Desk): void {
  describe('getmail6 takes mail away', { skip: notInstalled('getmail') }, () => {
    /** Runs it and returns what it says, and the subjects it has delivered. */
    const fetch = async (name: string, retriever: string, options: string): Promise<{ said: string; subjects: string[] }> => {
      const home = desk().home('getmail')
      const [settings, mail] = [desk().stage.path(`${name}.rc`), desk().stage.path(`${name}.mail`)]
      writeFileSync(mail, '')
      desk().settings(`getmail6 (${name})`, settings, `[retriever]\n${retriever}\nserver = localhost\nusername = ${addressOf('dora')}\npassword = ${password}\nca_certs = ${desk().certificate}\n\n[destination]\ntype = MDA_external\npath = /bin/sh\narguments = ("-c", "cat >>${mail}")\nallow_root_commands = true\n\n[options]\n${options}\n`)
      const { stdout, stderr } = await run('getmail', [`--getmaildir=${home}`, `--rcfile=${settings}`], { env: { HOME: home } })
      assert.equal(stderr, '')
      return { said: stdout, subjects: [...readFileSync(mail, 'latin1').matchAll(/^Subject: (.*?)\r?$/gm)].map(([, subject = '']) => subject) }
    }

    it('from two mailboxes over IMAP, and deletes it there', async () => {
      await desk().put('dora', 'INBOX', ['first', 'second'])
      await desk().put('dora', 'Archive', ['third'])
      const { said, subjects } = await fetch('imap', `type = SimpleIMAPSSLRetriever\nport = ${desk().imaps}\nmailboxes = ("INBOX", "Archive")`, 'delete = true')
      assert.match(said, /3 messages .* retrieved, 0 skipped/)
      assert.deepEqual(subjects, ['first', 'second', 'third'])
      assert.deepEqual([await desk().lines('dora', 'INBOX'), await desk().lines('dora', 'Archive')], [[], []])
    })

    it('over POP3 just what it has not seen, and later deletes it there', async () => {
      const retriever = `type = SimplePOP3SSLRetriever\nport = ${desk().server.port(995)}`
      await desk().put('dora', 'INBOX', ['fourth'])
      assert.deepEqual((await fetch('pop3', retriever, 'read_all = false\ndelete = false')).subjects, ['fourth'])
      await desk().put('dora', 'INBOX', ['fifth'])
      assert.deepEqual((await fetch('pop3', retriever, 'read_all = false\ndelete = false')).subjects, ['fifth'])
      assert.deepEqual(await desk().lines('dora', 'INBOX'), ['fourth', 'fifth'])
      const { said, subjects } = await fetch('pop3', retriever, 'read_all = true\ndelete = true')
      assert.match(said, /2 messages .* retrieved, 0 skipped/)
      assert.deepEqual(subjects, ['fourth', 'fifth'])
      assert.deepEqual(await desk().lines('dora', 'INBOX'), [])
    })
  })
}
