/** Ctrl-C and SIGTERM: the first asks the server to stop, the second ends the process at once. */
import { constants } from 'node:os'

const signals = ['SIGINT', 'SIGTERM'] as const

export type StopSignal = (typeof signals)[number]

/** Listens from now on, so that a start in progress is finished before it is undone. */
export function awaitStopSignal(): Promise<StopSignal> {
  return new Promise((resolve) => {
    let asked = false
    for (const signal of signals) {
      process.on(signal, () => {
        if (asked) process.exit(128 + constants.signals[signal])
        asked = true
        resolve(signal)
      })
    }
  })
}
