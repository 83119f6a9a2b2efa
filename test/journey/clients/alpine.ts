import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { notInstalled, password } from '../harness.ts'
import { addressOf } from './desk.ts'
import type { Desk } from './desk.ts'
import { Terminal } from './terminal.ts'

/** Needs the user greta. */
export function alpine(desk: () => Desk): void {
  describe('alpine', { skip: notInstalled('alpine', 'tmux') }, () => {
    it('lists, reads, saves into a new folder, deletes, finds in bodies, and shows the folders', async () => {
      await desk().put('greta', 'INBOX', ['Hello', 'Invoice', 'Lottery', 'Minutes'])
      const settings = join(desk().home('alpine'), 'pinerc')
      const server = `{localhost:${desk().imaps}/ssl/user=${addressOf('greta')}}`
      desk().settings('alpine', settings, `inbox-path=${server}INBOX\nfolder-collections=Ours ${server}[]\ndefault-fcc=${server}Sent\nuser-domain=ours.test\nlast-version-used=7.24\nfeature-list=disable-password-file-saving, quit-without-confirm, expunge-without-confirm\n`)
      const terminal = await Terminal.open(desk(), 'alpine', `alpine -p ${settings} -i`)
      await terminal.shows(/ENTER PASSWORD/)
      await terminal.type(password)
      await terminal.press('Enter')
      const index = await terminal.shows(/opened with 4 messages/)
      for (const [number, subject] of ['Hello', 'Invoice', 'Lottery', 'Minutes'].entries()) assert.match(index, new RegExp(`N +${number + 1} +\\S.* ann@sender\\.test .*${subject}`))
      await terminal.press('Enter')
      assert.match(await terminal.shows(/The body of Hello\./), /^Subject: Hello$/m)
      await terminal.type('s')
      await terminal.shows(/SAVE Msg #1 to folder/)
      await terminal.type('Keep')
      await terminal.press('Enter')
      await terminal.shows(/"Keep" doesn't exist\. +Create\?/)
      await terminal.type('y')
      await terminal.shows(/copied to folder "Keep" and deleted/)
      await terminal.type('<')
      await terminal.shows(/D +1 /)
      // Select by text in bodies, and delete what was found.
      await terminal.type(';')
      await terminal.shows(/SELECT criteria/)
      await terminal.type('t')
      await terminal.shows(/Select based on/i)
      await terminal.type('b')
      await terminal.shows(/BODY/i)
      await terminal.type('of lottery')
      await terminal.press('Enter')
      await terminal.shows(/X.* 3 .*Lottery/)
      await terminal.type('ad')
      await terminal.shows(/D +3 .*Lottery/)
      await terminal.type('l')
      await terminal.shows(/FOLDER LIST[\s\S]*INBOX.* Archive.* Drafts.* Junk.* Keep.* Sent.* Trash/)
      await terminal.type('q')
      await terminal.ended()
      assert.deepEqual(await desk().lines('greta', 'INBOX'), ['Invoice', 'Minutes'])
      assert.deepEqual(await desk().lines('greta', 'Keep'), ['Hello \\Seen'])
    })
  })
}
