/** Mail clients as people use them, each with a user of its own on one server; clients/NAME.ts says what each does. docs/clients.md shows their settings. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { aerc } from './clients/aerc.ts'
import { alpine } from './clients/alpine.ts'
import { openDesk } from './clients/desk.ts'
import type { Desk } from './clients/desk.ts'
import { fetchmail } from './clients/fetchmail.ts'
import { getmail } from './clients/getmail.ts'
import { imapfilter } from './clients/imapfilter.ts'
import { imapflow } from './clients/imapflow.ts'
import { mbsync } from './clients/mbsync.ts'
import { mutt } from './clients/mutt.ts'
import { offlineimap } from './clients/offlineimap.ts'
import { thunderbird } from './clients/thunderbird.ts'
import { Stage } from './harness.ts'

const users = ['alice', 'bob', 'carol', 'dora', 'erik', 'fritz', 'greta', 'hanna', 'ida', 'jon', 'kim']

describe('real clients', () => {
  const stage = new Stage()
  let opened: Desk
  const desk = (): Desk => opened

  before(async () => {
    opened = await openDesk(stage, users)
  })
  after(() => stage.end())

  mbsync(desk)
  offlineimap(desk)
  imapfilter(desk)
  getmail(desk)
  fetchmail(desk)
  imapflow(desk)
  alpine(desk)
  aerc(desk)
  mutt(desk, 'mutt', 'ida')
  mutt(desk, 'neomutt', 'jon')
  thunderbird(desk)

  it('gave the server nothing to warn of', () => {
    assert.deepEqual(opened.server.events.filter(({ level }) => level !== 'info'), [])
  })

  it('is shown in docs/clients.md with the settings used here', () => {
    const page = readFileSync(new URL('../../docs/clients.md', import.meta.url), 'utf8')
    for (const [client, settings] of opened.exampleSettings()) assert.ok(page.includes(`\n\`\`\`\n${settings}\`\`\`\n`), `docs/clients.md shows other settings of ${client} than:\n${settings}`)
  })
})
