/**
 * The Bell: in this process by calling, to the others on the machine through their sockets.
 * Rings of one turn of the event loop are gathered: a burst of changes to an account rings once.
 */
import { errorFields } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import type { Bell } from '../ports.ts'
import type { Json, Peers } from './peers.ts'

export function socketBell(peers: Peers, log: Log): Bell {
  const listeners = new Map<string, Set<() => void>>()
  let rung = new Set<string>()

  const sound = (account: string) => {
    for (const listener of listeners.get(account) ?? []) {
      try {
        listener()
      } catch (error) {
        log.error('bell-listener-failed', errorFields(error))
      }
    }
  }
  const flush = () => {
    const accounts = rung
    rung = new Set()
    peers.tell({ kind: 'bell', content: [...accounts] })
    for (const account of accounts) sound(account)
  }
  peers.onTold('bell', (content: Json) => {
    if (Array.isArray(content)) for (const account of content) if (typeof account === 'string') sound(account)
  })

  return {
    ring(account) {
      rung.add(account)
      if (rung.size === 1) setImmediate(flush)
    },
    listen(account, listener) {
      // A wrapper, so that one function may listen twice and stop once.
      const entry = () => listener()
      const entries = listeners.get(account) ?? new Set()
      listeners.set(account, entries.add(entry))
      return () => {
        entries.delete(entry)
        if (entries.size === 0 && listeners.get(account) === entries) listeners.delete(account)
      }
    },
  }
}
