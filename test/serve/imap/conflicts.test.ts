/** Conditional STORE when many try at once, on one server and on two: RFC 7162 §3.1.3. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { Client } from './client.ts'
import { openStage } from './stage.ts'

const stage = await openStage({ slowEngine: true })
const neighbour = await openStage({ engine: stage.engine })
after(() => Promise.all([stage.stop(0), neighbour.stop(0)]))

async function enterAll(login: string, count: number): Promise<Client[]> {
  return await Promise.all(Array.from({ length: count }, async (_, at) => {
    const client = await Client.enter((at % 2 === 0 ? stage : neighbour).connect(), login)
    await client.ok('ENABLE CONDSTORE')
    await client.ok('SELECT INBOX')
    return client
  }))
}

const first = <T>(list: readonly T[]): T => {
  const [one] = list
  if (one === undefined) throw new Error('the list is empty')
  return one
}

test('of all who store on the same condition one wins, the others are told, and all hear of it', async () => {
  const filler = await Client.enter(stage.connect(), 'conflict')
  await filler.ok('APPEND INBOX {6+}\r\na: b\r\n {6+}\r\na: c\r\n')
  const clients = await enterAll('conflict', 10)
  for (let round = 0; round < 12; round++) {
    const before = await Promise.all(clients.map(async (client) => {
      await client.ok('NOOP')
      const line = (await client.ok('UID FETCH 1 (MODSEQ)')).untagged.find((one) => one.includes('MODSEQ')) ?? ''
      return /MODSEQ \((\d+)\)/.exec(line)?.[1] ?? ''
    }))
    assert.equal(new Set(before).size, 1, 'all know the same state')
    const answers = await Promise.all(clients.map((client, at) => client.ok(`UID STORE 1,2 (UNCHANGEDSINCE ${before[at] ?? ''}) FLAGS (round${round} by${at})`)))
    const winners = answers.flatMap(({ text }, at) => (text.startsWith('[MODIFIED 1') ? [] : [at]))
    assert.equal(winners.length, 1, answers.map(({ text }) => text).join('; '))
    for (const client of clients) {
      await client.ok('NOOP')
      const line = (await client.ok('UID FETCH 1 (FLAGS)')).untagged.join()
      assert.ok(line.includes(`by${first(winners)} round${round}`), line)
    }
  }
  await Promise.all([filler.close(), ...clients.map((client) => client.close())])
})

test('a counter kept in a keyword by conditional STORE loses no count', async () => {
  const filler = await Client.enter(stage.connect(), 'counter')
  await filler.ok('APPEND INBOX (n0) {6+}\r\na: b\r\n')
  const clients = await enterAll('counter', 6)
  const each = 8
  await Promise.all(clients.map(async (client) => {
    for (let done = 0; done < each; ) {
      await client.ok('NOOP')
      const line = (await client.ok('UID FETCH 1 (FLAGS)')).untagged.findLast((one) => one.includes('FETCH')) ?? ''
      const [, modSeq, count] = /MODSEQ \((\d+)\) FLAGS \(n(\d+)\)/.exec(line) ?? /FLAGS \(n(\d+)\).*MODSEQ \((\d+)\)/.exec(line) ?? []
      const { text } = await client.ok(`UID STORE 1 (UNCHANGEDSINCE ${modSeq ?? ''}) FLAGS.SILENT (n${Number(count) + 1})`)
      if (!text.startsWith('[MODIFIED')) done++
    }
  }))
  await filler.ok('SELECT INBOX')
  assert.match((await filler.ok('FETCH 1 (FLAGS)')).untagged.join(), new RegExp(`\\(n${clients.length * each}\\)`))
  await Promise.all([filler.close(), ...clients.map((client) => client.close())])
})
