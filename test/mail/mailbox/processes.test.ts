import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { systemClock } from '#lib/base/clock.ts'
import { openEmbeddedEngine } from '#lib/engine/embedded/open.ts'
import { defaultConfig } from '#lib/config.ts'
import { checkAccount } from '#lib/mail/mailbox/check.ts'
import { MailStore } from '#lib/mail/mailbox/store.ts'
import { fileText, inboxOf, makeSetting } from './setting.ts'

const directory = await mkdtemp(join(tmpdir(), 'pennypost-writers-'))
after(() => rm(directory, { recursive: true }))

async function startWriter(account: string, name: string, messages: number): Promise<ChildProcess> {
  const child = spawn(process.execPath, [fileURLToPath(new URL('writer.ts', import.meta.url)), directory, account, name, String(messages)], { stdio: ['pipe', 'pipe', 'inherit'] })
  await once(child.stdout ?? assert.fail(), 'data')
  return child
}

async function inEngine(work: (deps: ReturnType<typeof makeSetting>['deps']) => Promise<void>): Promise<void> {
  const { deps } = makeSetting()
  const engine = await openEmbeddedEngine({ directory, clock: systemClock, log: deps.log, settings: defaultConfig().engine })
  await work({ ...deps, table: engine.table, blobs: engine.blobs, bell: engine.bell, clock: systemClock }).finally(() => engine.close())
}

test('three processes that write to one account at once come to one history, each delivery filed once', async () => {
  const names = ['ada', 'bob', 'cyd']
  const writers = await Promise.all(names.map((name) => startWriter('anna', name, 24)))
  for (const writer of writers) writer.stdin?.write('go\n')
  assert.deepEqual((await Promise.all(writers.map((writer) => once(writer, 'exit')))).map(([code]) => code as number), [0, 0, 0])
  await inEngine(async (deps) => {
    const inbox = inboxOf((await new MailStore(deps).open('anna')).state)
    // 24 shared ones; of 24 own ones each, every fourth was removed.
    assert.deepEqual([inbox.count, inbox.uidNext, inbox.vanishedSince(0).length], [24 + 3 * 18, 24 * 4 + 1, 18])
    assert.deepEqual([...inbox.keywords()].sort(), names)
    assert.deepEqual((await checkAccount(deps, 'anna')).problems, [])
  })
})

test('a process killed in the middle of writing leaves an account that is whole, and all that was said', async () => {
  const said = new Map<string, string[]>()
  for (const [since, afterMs] of [['go', 5], ['go', 40], ['word', 0], ['word', 40]] as const) {
    const account = `killed${since}${afterMs}`
    const writer = await startWriter(account, 'ada', 1000)
    let words = ''
    writer.stdout?.on('data', (chunk: Buffer) => (words += chunk.toString()))
    writer.stdin?.write('go\n')
    // On a busy machine the first word may take long.
    if (since === 'word') await once(writer.stdout ?? assert.fail(), 'data')
    setTimeout(() => writer.kill('SIGKILL'), afterMs)
    await once(writer, 'close')
    said.set(account, words.split('\n').slice(0, -1))
  }
  assert.ok([...said.values()].flat().length > 0)
  await inEngine(async (deps) => {
    for (const [id, deliveries] of said) {
      assert.deepEqual((await checkAccount(deps, id)).problems, [])
      const account = await new MailStore(deps).open(id)
      for (const deliveryId of deliveries) assert.equal((await fileText(account, { deliveryId })).duplicate, true, `${id} ${deliveryId}`)
    }
  })
})
