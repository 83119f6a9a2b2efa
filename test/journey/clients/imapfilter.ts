import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { notInstalled, password, run } from '../harness.ts'
import { addressOf } from './desk.ts'
import type { Desk } from './desk.ts'

/** Needs the user carol. */
export function imapfilter(desk: () => Desk): void {
  describe('imapfilter applies rules in Lua', { skip: notInstalled('imapfilter') }, () => {
    it('moves, flags and deletes what its searches find', async () => {
      await desk().put('carol', 'INBOX', ['Invoice 42', 'Lunch on Friday', 'Invoice 43', 'Lottery', 'Minutes'])
      await desk().put('carol', 'INBOX', ['Invoice 7, paid'], ['\\Seen'])
      const rules = desk().stage.path('imapfilter.lua')
      desk().settings('imapfilter', rules, settings(desk()), report)
      const { stdout, stderr } = await run('imapfilter', ['-t', desk().certificate, '-c', rules], { env: { HOME: desk().home('imapfilter') } })
      assert.equal(stderr, '')
      assert.match(stdout, /^6 messages, 0 recent, 5 unseen, in carol@ours\.test@localhost\/INBOX\.$/m)
      assert.match(stdout, /^2 messages moved from .*\/INBOX to .*\/Bills\/Open\.$/m)
      assert.match(stdout, /^left: Lunch on Friday, Minutes, Invoice 7, paid$/m)
      assert.deepEqual(await desk().lines('carol', 'Bills/Open'), ['Invoice 42 $label1 \\Flagged', 'Invoice 43 $label1 \\Flagged'])
      assert.deepEqual(await desk().lines('carol', 'INBOX'), ['Lunch on Friday \\Seen', 'Minutes', 'Invoice 7, paid \\Seen'])
      assert.deepEqual(await desk().lines('carol', 'Trash'), ['Lottery'])
    })
  })
}

const settings = (desk: Desk): string => `options.timeout = 30
options.subscribe = true
ours = IMAP { server = 'localhost', port = ${desk.imaps}, username = '${addressOf('carol')}', password = '${password}', ssl = 'auto' }
inbox = ours.INBOX
inbox:check_status()
ours:create_mailbox('Bills/Open')

bills = inbox:contain_subject('invoice') * inbox:is_unseen()
bills:mark_flagged()
bills:add_flags({ '$label1' })
bills:move_messages(ours['Bills/Open'])
inbox:contain_body('the body of lunch'):mark_seen()
junk = inbox:contain_from('ann@sender.test') * inbox:match_subject('^Lot.*y')
junk:move_messages(ours.Trash)
`

const report = `left = {}
for _, message in ipairs(inbox:select_all()) do
  local box, uid = table.unpack(message)
  table.insert(left, (string.gsub(box[uid]:fetch_field('Subject'), '^Subject: ', '')))
end
print('left: ' .. table.concat(left, ', '))
`
