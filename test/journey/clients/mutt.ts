import assert from 'node:assert/strict'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { notInstalled, password } from '../harness.ts'
import { addressOf } from './desk.ts'
import type { Desk } from './desk.ts'
import { Terminal } from './terminal.ts'

/** mutt and neomutt are driven by the same keys. Each needs its user. */
export function mutt(desk: () => Desk, program: 'mutt' | 'neomutt', user: string): void {
  describe(program, { skip: notInstalled(program, 'tmux') }, () => {
    it('lists, reads, saves into a new mailbox, flags, deletes, searches on the server, and shows what arrives', async () => {
      await desk().put(user, 'INBOX', ['Hello', 'Invoice', 'Lottery', 'Minutes'])
      const settings = join(desk().home(program), 'rc')
      desk().settings('mutt and neomutt', settings, muttrc(desk(), user), quick)
      const terminal = await Terminal.open(desk(), program, `${program} -F ${settings}`)
      const index = await terminal.shows(/4 .*Minutes/)
      for (const [number, subject] of ['Hello', 'Invoice', 'Lottery', 'Minutes'].entries()) assert.match(index, new RegExp(`${number + 1} N .*ann@sender\\.test.*${subject}`))
      await terminal.press('Enter')
      await terminal.shows(/The body of Hello\./)
      await terminal.type('s=Keep')
      await terminal.press('Enter')
      await terminal.shows(/Create .*Keep\?/)
      await terminal.type('y')
      await terminal.shows(/The body of Invoice\./)
      await terminal.type('q')
      await terminal.type('F')
      await terminal.shows(/2 +! .*Invoice/)
      // =b is searched by the server.
      await terminal.type('D')
      await terminal.shows(/Delete messages matching/)
      await terminal.type('=b lottery')
      await terminal.press('Enter')
      await terminal.shows(/3 .*D.*Lottery/)
      await terminal.type('$')
      await terminal.shows(/Msgs:2[^\n]*Flag:1/)
      assert.deepEqual(await desk().lines(user, 'INBOX'), ['Invoice \\Flagged \\Seen', 'Minutes'])
      assert.deepEqual(await desk().lines(user, 'Keep'), ['Hello \\Seen'])
      await desk().put(user, 'INBOX', ['Breaking news'])
      await terminal.shows(/3 N .*Breaking news/)
      await terminal.type('c')
      await terminal.shows(/Open mailbox/)
      await terminal.type('?')
      const mailboxes = await terminal.shows(/Trash/)
      for (const name of ['Archive', 'Drafts', 'INBOX', 'Junk', 'Sent']) assert.match(mailboxes, new RegExp(`\\b${name}\\b`, 'm'))
      await terminal.type('q')
      await terminal.shows(/Breaking news/)
      await terminal.type('q')
      await terminal.ended()
    })
  })
}

const muttrc = (desk: Desk, user: string): string => `set folder = "imaps://localhost:${desk.imaps}/"
set spoolfile = "+INBOX"
set imap_user = "${addressOf(user)}"
set imap_pass = "${password}"
set certificate_file = "${desk.certificate}"
set ssl_force_tls = yes
set imap_idle = yes
set imap_check_subscribed = yes
set sort = date
`

const quick = `set confirmappend = no
set mail_check = 1
set timeout = 1
set delete = yes
set quit = yes
set sleep_time = 0
set wait_key = no
`
