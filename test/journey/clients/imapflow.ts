import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ImapFlow } from 'imapflow'
import type { ExpungeEvent } from 'imapflow'
import { curl, eventually, notInstalled, password } from '../harness.ts'
import { addressOf, letter } from './desk.ts'
import type { Desk } from './desk.ts'

/** Needs the user fritz. What the server holds is read with curl here, since this client is the other journeys' reader. */
export function imapflow(desk: () => Desk): void {
  describe('imapflow', { skip: notInstalled('curl') }, () => {
    const open = async (): Promise<ImapFlow> => {
      const client = new ImapFlow({ host: 'localhost', port: desk().server.port(143), secure: false, doSTARTTLS: true, qresync: true, auth: { user: addressOf('fritz'), pass: password }, tls: { rejectUnauthorized: false }, logger: false })
      await client.connect()
      return client
    }
    /** `UID FLAGS` of each message, as curl sees it. */
    const held = async (mailbox: string): Promise<string[]> => {
      const { stdout } = await curl(`imaps://localhost:${desk().imaps}/${encodeURIComponent(mailbox)}`, addressOf('fritz'), '-X', 'UID FETCH 1:* (FLAGS)')
      return [...stdout.matchAll(/^\* \d+ FETCH \(UID (\d+) FLAGS \((.*)\)\)\r?$/gm)].map(([, uid, flags]) => `${uid} ${flags}`.trim())
    }

    it('appends with date and flags, searches, and reads parts', async () => {
      const client = await open()
      await client.mailboxOpen('INBOX')
      const appended = await client.append('INBOX', letter('fritz', 'kept'), ['\\Seen', '$Important'], new Date('2020-02-29T12:00:00Z'))
      assert.ok(appended !== false && appended.uid === 1 && appended.seq === 1)
      const alpha = letter('fritz', 'alpha')
      for (const one of [alpha, letter('fritz', 'beta')]) await client.append('INBOX', one)
      assert.deepEqual(await client.search({ before: new Date('2021-01-01') }, { uid: true }), [1])
      assert.deepEqual(await client.search({ body: 'the body of BETA', seen: false }, { uid: true }), [3])
      assert.deepEqual(await client.search({ or: [{ keyword: '$Important' }, { header: { subject: 'alpha' } }] }, { uid: true }), [1, 2])
      const { content, meta } = await client.download('2', undefined, { uid: true })
      assert.ok(content !== undefined && meta !== undefined)
      assert.match((await content.toArray()).join(''), /The body of alpha\./)
      assert.equal(meta.expectedSize, alpha.length)
      const one = await client.fetchOne('1', { internalDate: true, bodyStructure: true, size: true })
      assert.ok(one !== false)
      assert.deepEqual([new Date(one.internalDate ?? 0).toISOString(), one.bodyStructure?.type], ['2020-02-29T12:00:00.000Z', 'text/plain'])
      await client.logout()
      assert.deepEqual(await held('INBOX'), ['1 \\Seen $Important', '2', '3'])
    })

    it('hears of a new message, a flag and an expunge while it is idle', async () => {
      const [watching, working] = [await open(), await open()]
      await watching.mailboxOpen('INBOX')
      const heard: string[] = []
      watching.on('exists', ({ count }: { count: number }) => heard.push(`${count} exist`))
      watching.on('flags', ({ uid, flags }: { uid?: number; flags: Set<string> }) => heard.push(`${uid} has ${[...flags].sort().join(' ')}`))
      watching.on('expunge', ({ uid, vanished }: ExpungeEvent) => heard.push(`${uid} ${vanished ? 'vanished' : 'is expunged'}`))
      const idle = watching.idle()
      await eventually('the client is idle', () => watching.idling)
      await working.append('INBOX', letter('fritz', 'gamma'))
      await eventually('the new message is told', () => heard.includes('4 exist'))
      await working.mailboxOpen('INBOX')
      await working.messageFlagsAdd('2', ['\\Flagged'], { uid: true })
      await eventually('the flag is told', () => heard.includes('2 has \\Flagged'))
      await working.messageDelete('3', { uid: true })
      await eventually('the expunge is told', () => heard.includes('3 vanished'))
      // Between flag and expunge the client may have been told of \Deleted, too.
      assert.deepEqual(heard.filter((one) => one !== '3 has \\Deleted'), ['4 exist', '2 has \\Flagged', '3 vanished'])
      await watching.noop()
      await idle
      await Promise.all([watching.logout(), working.logout()])
      assert.deepEqual(await held('INBOX'), ['1 \\Seen $Important', '2 \\Flagged', '4'])
    })

    it('learns with QRESYNC what changed while it was away, and moves it', async () => {
      const away = await open()
      const { uidValidity, highestModseq } = await away.mailboxOpen('INBOX')
      await away.logout()
      const working = await open()
      await working.mailboxOpen('INBOX')
      await working.messageFlagsAdd('4', ['\\Answered'], { uid: true })
      await working.messageDelete('1', { uid: true })
      await working.logout()

      const back = await open()
      const heard: string[] = []
      back.on('flags', ({ uid, flags }: { uid?: number; flags: Set<string> }) => heard.push(`${uid} has ${[...flags].join(' ')}`))
      back.on('expunge', ({ uid, vanished }: ExpungeEvent) => heard.push(`${uid} ${vanished ? 'vanished' : 'is expunged'}`))
      await back.mailboxOpen('INBOX', { uidValidity, changedSince: highestModseq })
      assert.deepEqual(heard.sort(), ['1 vanished', '4 has \\Answered'])
      await back.mailboxCreate('Wörter/Größe')
      const moved = await back.messageMove('2,4', 'Wörter/Größe', { uid: true })
      assert.ok(moved !== false)
      assert.deepEqual([...(moved.uidMap ?? [])], [[2, 1], [4, 2]])
      await back.mailboxRename('Wörter/Größe', 'Words')
      await back.logout()
      assert.deepEqual([await held('INBOX'), await held('Words')], [[], ['1 \\Flagged', '2 \\Answered']])
    })
  })
}
