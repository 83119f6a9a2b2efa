import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Envelope, RecipientProgress } from '#lib/mail/transit/note.ts'
import { startFakeServer } from './fakeServer.ts'
import { deliverOnce, deliveryNote, destinationAt, openStage, outboundNote } from './stage.ts'

interface Given {
  readonly to?: readonly (string | RecipientProgress)[]
  readonly envelope?: Partial<Envelope>
  readonly text?: string
}

interface Dialogue {
  readonly sentence: string
  given: Given
  /** By host, then by connection. */
  readonly hosts: string[][][]
  readonly fates: string[]
  readonly reports: string[]
}

function readDialogues(text: string): Dialogue[] {
  const dialogues: Dialogue[] = []
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const dialogue = dialogues.at(-1)
    if (line.startsWith('# ')) dialogues.push({ sentence: line.slice(2), given: {}, hosts: [[[]]], fates: [], reports: [] })
    else if (line.startsWith('GIVEN ') && dialogue !== undefined) dialogue.given = JSON.parse(line.slice(6)) as Given
    else if (line.startsWith('THEN ')) dialogue?.fates.push(line.slice(5).replaceAll('\\r\\n', '\r\n'))
    else if (line.startsWith('REPORT ')) dialogue?.reports.push(line.slice(7))
    else if (line === 'NEXT HOST') dialogue?.hosts.push([[]])
    else if (line === 'NEXT CONNECTION') dialogue?.hosts.at(-1)?.push([])
    else dialogue?.hosts.at(-1)?.at(-1)?.push(line)
  }
  return dialogues
}

for (const { sentence, given, hosts, fates, reports } of readDialogues(readFileSync(new URL('dialogues.txt', import.meta.url), 'utf8'))) {
  test(sentence, async () => {
    // A host without lines is one that nobody may call.
    const servers = await Promise.all(hosts.map((scripts) => startFakeServer(scripts.filter((script) => script.length > 0))))
    const stage = openStage({ settings: { expireMs: Date.now() + 1e9, warnMs: Date.now() + 1e9 } })
    try {
      await deliverOnce(stage, deliveryNote(destinationAt(...servers.map(({ port }) => port)), outboundNote(given.to ?? ['bob@remote.example'], given)))
      assert.deepEqual(servers.flatMap(({ faults }) => faults), [])
      assert.deepEqual(stage.fates(), fates)
      assert.deepEqual(stage.reported.filter(({ kind }) => kind !== 'failed').map(({ kind, to }) => `${kind} ${to.join()}`), reports)
      for (const [i, { connections }] of servers.entries()) assert.equal(connections.count, hosts[i]?.filter((script) => script.length > 0).length)
      const sent = (given.text ?? 'Subject: hello\r\n\r\nHello.\r\n..dots\r\n')
      for (const message of servers.flatMap(({ messages }) => messages)) assert.equal(message, sent)
    } finally {
      await Promise.all(servers.map((server) => server.close()))
    }
  })
}
