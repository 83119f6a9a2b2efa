/** The AWS engine keeps the promises of the ports, as two emulators understand AWS. */
import { after, describe, it } from 'node:test'
import { systemClock } from '#lib/base/clock.ts'
import { makeAccount } from './aws/account.ts'
import { startEmulator } from './aws/emulators.ts'
import { bellContract } from './contract/bell.ts'
import { blobsContract } from './contract/blobs.ts'
import { queueContract } from './contract/queue.ts'
import type { OpenedEngine } from './contract/setup.ts'
import { tableContract } from './contract/table.ts'

const gaps = {
  moto: { unlocked: 'moto works on transactions side by side and mixes them up' },
  ministack: { countsJson: 'MiniStack measures the JSON of a transaction, not its items' },
}

for (const name of ['moto', 'ministack'] as const) {
  const emulator = await startEmulator(name)
  if (typeof emulator === 'string') {
    it(`keeps the promises of the ports on ${name}`, { skip: emulator })
    continue
  }

  /** Every delayed note goes to the index, so that it is seen; a sweep follows the other, for a minute is too long for a test. */
  const open = async (): Promise<OpenedEngine> => {
    const account = await makeAccount(emulator.endpoint)
    const engine = await account.open({ settings: { sqsDelayMs: 0, sweepAheadMs: 0 } })
    const ended = new AbortController()
    const sweep = async () => {
      while (!ended.signal.aborted) {
        await engine.sweepDue()
        await systemClock.sleep(100, ended.signal)
      }
    }
    const sweeping = sweep()
    return {
      engine,
      emptyQueues: async () => account.emptyQueues(),
      dispose: async () => {
        ended.abort()
        await sweeping
        await engine.close()
      },
    }
  }

  describe(`The AWS engine on ${name}`, () => {
    after(async () => emulator.stop())
    tableContract(`the AWS engine on ${name}`, open, gaps[name])
    blobsContract(`the AWS engine on ${name}`, open)
    queueContract(`the AWS engine on ${name}`, open, { inOrder: false, seesDue: false })
    bellContract(`the AWS engine on ${name}`, open)
  })
}
