import type { NoteHandler } from '#lib/engine/ports.ts'
import { makeCheckInbound } from '#lib/mail/inbound/checkInbound.ts'
import type { SharedDeps } from './shared.ts'

export function openCheckInbound(shared: SharedDeps): NoteHandler {
  return makeCheckInbound({ ...shared, mail: shared.mailStore, settings: shared.config.inbound, report: (message, recipients) => shared.report(message, recipients, {}) })
}
