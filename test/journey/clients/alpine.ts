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
    it('lists, reads, saves into a new folder, deletes, finds in bodies, and shows parts and folders', async () => {
      await desk().put('greta', 'INBOX', ['Hello', 'Invoice', 'Lottery', 'Minutes'])
      await desk().as('greta', (client) => client.append('INBOX', nested))
      const settings = join(desk().home('alpine'), 'pinerc')
      const server = `{localhost:${desk().imaps}/ssl/user=${addressOf('greta')}}`
      desk().settings('alpine', settings, `inbox-path=${server}INBOX\nfolder-collections=Ours ${server}[]\ndefault-fcc=${server}Sent\nuser-domain=ours.test\nlast-version-used=7.24\nfeature-list=disable-password-file-saving, quit-without-confirm, expunge-without-confirm\n`)
      const terminal = await Terminal.open(desk(), 'alpine', `alpine -p ${settings} -i`)
      await terminal.shows(/ENTER PASSWORD/)
      await terminal.type(password)
      await terminal.press('Enter')
      const index = await terminal.shows(/5 .*Größen/)
      for (const [number, subject] of ['Hello', 'Invoice', 'Lottery', 'Minutes'].entries()) assert.match(index, new RegExp(`N +${number + 1} +\\S.* ann@sender\\.test .*${subject}`))
      await terminal.press('Enter')
      assert.match(await terminal.shows(/The body of Hello\./), /^Subject: Hello$/m)
      await terminal.type('s')
      await terminal.shows(/SAVE Msg #1 to folder/)
      await terminal.type('Keep')
      await terminal.press('Enter')
      await terminal.shows(/"Keep" doesn't exist\. +Create\?/)
      await terminal.type('y')
      await terminal.shows(/Message 1 of 5 .*DEL/)
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
      // Its list of parts is our BODYSTRUCTURE.
      await terminal.type('5')
      await terminal.press('Enter', 'Enter')
      await terminal.shows(/^Subject: Größen$/m)
      await terminal.type('v')
      const parts = await terminal.shows(/ATTACHMENT INDEX/)
      for (const part of [/ 1 +~?1 lines +Text\/PLAIN/, / 2 +\d+ bytes +Application\/PDF \(Filename: "Übersicht für alle\.pdf"\)/, / 3 +\d+ bytes +Message\/RFC822, "Innen: Grüße"/, / 3\.1 +1 lines +Text\/PLAIN/, / 3\.2 +6 bytes +Image\/PNG \(Filename: "bild\.png"\)/]) assert.match(parts, part)
      await terminal.type('<<')
      await terminal.shows(/MESSAGE INDEX/)
      await terminal.type('l')
      await terminal.shows(/FOLDER LIST[\s\S]*INBOX.* Archive.* Drafts.* Junk.* Keep.* Sent.* Trash/)
      await terminal.type('q')
      await terminal.ended()
      assert.deepEqual(await desk().lines('greta', 'INBOX'), ['Invoice', 'Minutes', 'Größen \\Seen'])
      assert.deepEqual(await desk().lines('greta', 'Keep'), ['Hello \\Seen'])
    })
  })
}

/** Two parts and a message with two parts, names in RFC 2231 and RFC 2047. */
const nested = `From: =?utf-8?Q?J=C3=BCrgen?= <j@sender.test>
To: team: greta@ours.test, ann@sender.test;
Subject: =?utf-8?Q?Gr=C3=B6=C3=9Fen?=
Date: Tue, 24 Nov 2026 10:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=outer

--outer
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Sch=C3=B6ne Gr=C3=B6=C3=9Fen.
--outer
Content-Type: application/pdf
Content-Disposition: attachment; filename*0*=utf-8''%C3%9Cbersicht%20; filename*1*=f%C3%BCr%20alle.pdf
Content-Transfer-Encoding: base64

JVBERi0xLjQ=
--outer
Content-Type: message/rfc822

From: Inga <inga@sender.test>
Subject: =?iso-8859-1?Q?Innen=3A_Gr=FC=DFe?=
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=inner

--inner

inside
--inner
Content-Type: image/png
Content-Disposition: attachment; filename=bild.png
Content-Transfer-Encoding: base64

iVBORw0K
--inner--
--outer--
`.replaceAll('\n', '\r\n')
