/**
 * What the rooms of one process share, whichever of them it has: nothing is global, each gets what it needs.
 *
 * Invariant: each file of this folder puts together one room, so that an entry point that has one carries the code of
 * no other. Called by entry points; look-up-mx and deliver-outbound take what is shared as it is.
 */
import { makeAddressSet } from '#lib/base/addressSet.ts'
import type { Resolver } from '#lib/base/dns.ts'
import { makeResolver } from '#lib/base/resolver.ts'
import type { Engine } from '#lib/engine/ports.ts'
import { makeRecordChanges } from '#lib/mail/mailbox/record.ts'
import type { RecordChanges } from '#lib/mail/mailbox/record.ts'
import { makeReport } from '#lib/mail/outbound/report.ts'
import type { Report } from '#lib/mail/outbound/settle.ts'
import { makeSign } from '#lib/mail/outbound/sign.ts'
import type { Sign } from '#lib/mail/outbound/sign.ts'
import type { Resolve } from '#lib/mail/rules/expand.ts'
import { makeResolve } from '#lib/mail/rules/recipients.ts'
import type { StoreDeps, Stores } from './stores.ts'

/** A mail system opened by one process. */
export interface MailSystem extends StoreDeps, Stores {
  /** What this host calls itself. */
  readonly hostname: string
}

export interface SharedDeps extends Omit<MailSystem, 'engine'>, Omit<Engine, 'close'> {
  readonly isTrusted: (address: string) => boolean
  readonly resolve: Resolve
  readonly resolver: Resolver
  readonly sign: Sign
  readonly maxHops: number
  readonly report: Report
  readonly record: RecordChanges
}

/** Once for a process: DNS answers and signing keys are remembered here. */
export function shareRooms({ engine, ...system }: MailSystem): SharedDeps {
  const { config, clock, directory } = system
  const { table, blobs, queue, bell } = engine
  const shared = {
    ...system,
    table,
    blobs,
    queue,
    bell,
    isTrusted: makeAddressSet(config.inbound.trusted),
    resolve: makeResolve({ directory, clock, maxAgeDays: config.inbound.srsMaxAgeDays }),
    resolver: makeResolver({ ...config.dns, clock }),
    sign: makeSign(),
    record: makeRecordChanges({ table, clock, feed: system.feed }),
    maxHops: config.smtp.maxHops,
  }
  return { ...shared, report: (message, recipients, options) => makeReport(shared, message, recipients, options) }
}
