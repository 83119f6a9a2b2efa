import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { eventually, notInstalled, password } from '../harness.ts'
import { addressOf } from './desk.ts'
import type { Desk } from './desk.ts'
import { Terminal } from './terminal.ts'

/** Needs the user hanna. */
export function aerc(desk: () => Desk): void {
  describe('aerc', { skip: notInstalled('aerc', 'tmux') }, () => {
    it('lists, reads, moves, flags, filters on the server, deletes, and shows what arrives', async () => {
      await desk().put('hanna', 'INBOX', ['Hello', 'Invoice', 'Lottery', 'Minutes'])
      const settings = join(desk().home('aerc'), '.config', 'aerc')
      mkdirSync(settings, { recursive: true })
      desk().settings('aerc', join(settings, 'accounts.conf'), `[Ours]\nsource = imaps://${encodeURIComponent(addressOf('hanna'))}:${encodeURIComponent(password)}@localhost:${desk().imaps}\ndefault = INBOX\nfrom = Ann <${addressOf('hanna')}>\ncopy-to = Sent\narchive = Archive\n`)
      const terminal = await Terminal.open(desk(), 'aerc', 'aerc')
      const command = async (words: string): Promise<void> => {
        await terminal.type(`:${words}`)
        await terminal.press('Enter')
      }
      const list = await terminal.shows(/INBOX +4\/4[\s\S]*ann@sender/)
      for (const name of ['Archive', 'Drafts', 'Junk', 'Sent', 'Trash']) assert.match(list, new RegExp(`^${name}\\b`, 'm'))
      for (const subject of ['Hello', 'Invoice', 'Lottery', 'Minutes']) await terminal.shows(new RegExp(`ann@sender\\.test .*${subject}`))
      // aerc counts what it moves away twice until it lists anew, so the figures beside INBOX are read only before that.
      await command('select -1')
      await terminal.press('Enter')
      await terminal.shows(/The body of Hello\./)
      await command('close')
      await terminal.shows(/INBOX +3\/4/)
      await command('mv -p Projects/New')
      await eventually('Hello is moved', async () => (await desk().lines('hanna', 'Projects/New')).length === 1)
      await command('select -1')
      await command('flag -t')
      await command('unmark -a')
      await eventually('Invoice is flagged', async () => (await desk().lines('hanna', 'INBOX'))[0] === 'Invoice \\Flagged')
      await command('filter -b lottery')
      await eventually('only Lottery is listed', async () => /Lottery/.test(await terminal.screen()) && !/Minutes|Invoice/.test(await terminal.screen()))
      await command('select 0')
      await command('delete')
      await eventually('Lottery is deleted', async () => !(await desk().lines('hanna', 'INBOX')).includes('Lottery'))
      await command('clear')
      await terminal.shows(/Minutes[\s\S]*Invoice|Invoice[\s\S]*Minutes/)
      await desk().put('hanna', 'INBOX', ['Breaking news'])
      await terminal.shows(/Breaking news/)
      await command('quit')
      await terminal.ended()
      assert.deepEqual(await desk().lines('hanna', 'INBOX'), ['Invoice \\Flagged', 'Minutes', 'Breaking news'])
      assert.deepEqual(await desk().lines('hanna', 'Projects/New'), ['Hello \\Seen'])
    })
  })
}
