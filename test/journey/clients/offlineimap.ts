import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { notInstalled, password, run } from '../harness.ts'
import { addressOf, letter } from './desk.ts'
import type { Desk } from './desk.ts'
import { maildirOf, mark, remove } from './maildir.ts'

/** Needs the user bob. */
export function offlineimap(desk: () => Desk): void {
  describe('offlineimap3 keeps a Maildir and an account alike', { skip: notInstalled('offlineimap') }, () => {
    let configuration: string
    let local: string
    /** What it says of its work; a warning or an error of its own fails the test. */
    const sync = async (): Promise<string> => {
      const { stdout, stderr } = await run('offlineimap', ['-c', configuration, '-o'], { env: { HOME: desk().home('offlineimap') } })
      assert.doesNotMatch(stdout + stderr, /warn|error|traceback/i)
      return stdout + stderr
    }

    before(() => {
      local = desk().stage.path('offlineimap')
      configuration = desk().stage.path('offlineimaprc')
      desk().settings('offlineimap3', configuration, settings(desk(), local))
    })

    it('brings mailboxes, messages and flags', async () => {
      await desk().put('bob', 'INBOX', ['one', 'two', 'three'])
      await desk().put('bob', 'INBOX', ['four'], ['\\Seen', '\\Flagged'])
      await desk().as('bob', (client) => client.mailboxCreate('Projekte/Straße'))
      await desk().put('bob', 'Projekte/Straße', ['plan'], ['\\Answered'])
      await sync()
      assert.deepEqual(maildirOf(join(local, 'INBOX')), ['four FS', 'one', 'three', 'two'])
      assert.deepEqual(maildirOf(join(local, 'Projekte', 'Straße')), ['plan R'])
      for (const mailbox of ['Archive', 'Drafts', 'Junk', 'Sent', 'Trash']) assert.deepEqual(maildirOf(join(local, mailbox)), [], mailbox)
    })

    it('carries flags, deletions, new messages and new mailboxes of both sides to the other', async () => {
      mark(join(local, 'INBOX'), 'one', 'S')
      remove(join(local, 'INBOX'), 'two')
      for (const folder of ['cur', 'new', 'tmp']) mkdirSync(join(local, 'Hier gemacht', folder), { recursive: true })
      writeFileSync(join(local, 'Hier gemacht', 'cur', '1.local:2,DS'), letter('bob', 'a draft'))
      await desk().as('bob', async (client) => {
        await client.mailboxOpen('INBOX')
        await client.messageDelete({ subject: 'three' })
        await client.messageFlagsRemove({ subject: 'four' }, ['\\Flagged'])
        await client.mailboxCreate('Dort gemacht')
      })
      await desk().put('bob', 'Dort gemacht', ['five'])
      await sync()
      assert.deepEqual(await desk().lines('bob', 'INBOX'), ['one \\Seen', 'four \\Seen'])
      assert.deepEqual(await desk().lines('bob', 'Hier gemacht'), ['a draft \\Draft \\Seen'])
      assert.deepEqual(maildirOf(join(local, 'INBOX')), ['four S', 'one S'])
      assert.deepEqual(maildirOf(join(local, 'Dort gemacht')), ['five'])
    })

    it('deletes on the server what was deleted here, and copies nothing twice', async () => {
      for (const subject of ['one', 'four']) remove(join(local, 'INBOX'), subject)
      await sync()
      assert.deepEqual(await desk().lines('bob', 'INBOX'), [])
      assert.doesNotMatch(await sync(), /Copy message|Deleting|flags/)
      assert.deepEqual(await desk().lines('bob', 'Hier gemacht'), ['a draft \\Draft \\Seen'])
    })
  })
}

const settings = (desk: Desk, local: string): string => `[general]
accounts = ours
metadata = ${desk.stage.path('offlineimap-state')}
ui = basic

[Account ours]
localrepository = near
remoterepository = far
utf8foldernames = yes

[Repository near]
type = Maildir
localfolders = ${local}
sep = /

[Repository far]
type = IMAP
remotehost = localhost
remoteport = ${desk.imaps}
ssl = yes
sslcacertfile = ${desk.certificate}
remoteuser = ${addressOf('bob')}
remotepass = ${password}
`
