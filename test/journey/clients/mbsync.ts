import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { notInstalled, password, run } from '../harness.ts'
import { addressOf, letter } from './desk.ts'
import type { Desk } from './desk.ts'
import { maildirOf, mark } from './maildir.ts'

/** Needs the user alice. */
export function mbsync(desk: () => Desk): void {
  describe('mbsync keeps a Maildir and an account alike', { skip: notInstalled('mbsync') }, () => {
    let configuration: string
    let local: string
    const sync = async (): Promise<void> => {
      const { stderr } = await run('mbsync', ['-c', configuration, '-a'], { env: { HOME: desk().home('mbsync') } })
      assert.equal(stderr, '')
    }

    before(() => {
      local = desk().stage.path('mail')
      mkdirSync(local)
      configuration = desk().stage.path('mbsyncrc')
      desk().settings(
        'mbsync',
        configuration,
        `IMAPAccount ours
Host localhost
Port ${desk().imaps}
User ${addressOf('alice')}
Pass "${password}"
SSLType IMAPS
CertificateFile ${desk().certificate}

IMAPStore far
Account ours

MaildirStore near
Path ${local}/
Inbox ${local}/INBOX
SubFolders Verbatim

Channel all
Far :far:
Near :near:
Patterns *
Create Both
Remove Both
Expunge Both
CopyArrivalDate yes
SyncState *
`,
      )
    })
    it('brings mailboxes, messages and flags', async () => {
      await desk().put('alice', 'INBOX', ['one', 'two', 'three'])
      await desk().put('alice', 'INBOX', ['four'], ['\\Seen', '\\Flagged'])
      await desk().as('alice', (client) => client.mailboxCreate('Projects/Straße'))
      await desk().put('alice', 'Projects/Straße', ['plan'], ['\\Answered'])
      await sync()
      assert.deepEqual(maildirOf(join(local, 'INBOX')), ['four FS', 'one', 'three', 'two'])
      assert.deepEqual(maildirOf(join(local, 'Projects', 'Stra&AN8-e')), ['plan R'])
      for (const mailbox of ['Archive', 'Drafts', 'Junk', 'Sent', 'Trash']) assert.deepEqual(maildirOf(join(local, mailbox)), [], mailbox)
    })

    it('carries changes of both sides to the other', async () => {
      mark(join(local, 'INBOX'), 'one', 'S')
      mark(join(local, 'INBOX'), 'two', 'T')
      for (const folder of ['cur', 'new', 'tmp']) mkdirSync(join(local, 'Made here', folder), { recursive: true })
      writeFileSync(join(local, 'Made here', 'cur', '1.local:2,DS'), letter('alice', 'a draft'))
      await desk().as('alice', async (client) => {
        await client.mailboxOpen('INBOX')
        await client.messageDelete({ subject: 'three' })
        await client.messageFlagsRemove({ subject: 'four' }, ['\\Flagged'])
        await client.mailboxCreate('Made there')
      })
      await desk().put('alice', 'Made there', ['five'])
      await sync()
      assert.deepEqual(await desk().lines('alice', 'INBOX'), ['one \\Seen', 'four \\Seen'])
      assert.deepEqual(await desk().lines('alice', 'Made here'), ['a draft \\Draft \\Seen'])
      assert.deepEqual(maildirOf(join(local, 'INBOX')), ['four S', 'one S'])
      assert.deepEqual(maildirOf(join(local, 'Made there')), ['five'])
    })

    it('changes nothing when nothing has changed', async () => {
      const modseq = (): Promise<unknown> => desk().as('alice', (client) => client.status('INBOX', { highestModseq: true, uidNext: true, messages: true }))
      const before = await modseq()
      await sync()
      assert.deepEqual(await modseq(), before)
    })

    it('takes an emptied mailbox away on the other side', async () => {
      await desk().as('alice', async (client) => {
        await client.mailboxOpen('Made there')
        await client.messageDelete('1:*')
      })
      await sync()
      await desk().as('alice', (client) => client.mailboxDelete('Made there'))
      await sync()
      assert.ok(!readdirSync(local).includes('Made there'))
    })
  })
}
