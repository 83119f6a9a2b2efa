/** What is kept of accounts and their mail, opened on an engine: all that a command needs. */
import type { Clock } from '#lib/base/clock.ts'
import type { Log } from '#lib/base/log.ts'
import type { Config } from '#lib/config.ts'
import type { Engine } from '#lib/engine/ports.ts'
import { Directory } from '#lib/mail/accounts/directory.ts'
import type { EntryFeed } from '#lib/mail/mailbox/feed.ts'
import { MailStore } from '#lib/mail/mailbox/store.ts'

export interface Stores {
  readonly directory: Directory
  readonly mailStore: MailStore
}

export interface StoreDeps {
  readonly engine: Engine
  readonly config: Config
  readonly clock: Clock
  readonly log: Log
  /** Where this process's engine is where events are sent from. */
  readonly feed?: EntryFeed | undefined
}

export function openStores({ engine, config, clock, log, feed }: StoreDeps): Stores {
  const mailStore = new MailStore({ table: engine.table, blobs: engine.blobs, bell: engine.bell, clock, log, settings: config.mailbox, feed })
  const directory = new Directory({ table: engine.table, clock, settings: config.accounts })
  return { directory, mailStore }
}
