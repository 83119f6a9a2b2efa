/** What a host or the way to it said, as the one value that queue, log and bounce share. */
import type { Reply } from '#lib/formats/smtp/reply.ts'
import { replyText } from '#lib/formats/smtp/serverReply.ts'
import type { Outcome } from '#lib/mail/transit/note.ts'

/** An outcome before its time is stamped. */
export type Finding = Omit<Outcome, 'at'>

/** So much of a reply is kept: it travels in notes beside many others. */
const keptChars = 1000

/** This host does not take the message, now or ever; another one may. */
export class HostRefusal extends Error {
  override readonly name = 'HostRefusal'
  readonly finding: Finding
  /** The address cannot be reached at all: others need not try it either. */
  readonly unreachable: boolean

  constructor(finding: Finding, unreachable = false) {
    super(finding.reply)
    this.finding = finding
    this.unreachable = unreachable
  }
}

/** The outcome that a reply means: 2yz delivered, 4yz deferred, everything else failed. RFC 5321 §4.2.1 */
export function replyFinding(reply: Reply, host: string): Finding {
  const status = reply.code < 300 ? 'delivered' : reply.code < 500 ? 'deferred' : 'failed'
  // A 3yz where none is expected breaks the protocol: not a verdict on the message.
  const kind = reply.code < 300 ? '2' : reply.code < 500 ? '4' : '5'
  const enhancedCode = reply.enhancedCode?.startsWith(kind) === true ? reply.enhancedCode : `${kind}.0.0`
  return { status, enhancedCode, reply: replyText(reply, keptChars), code: reply.code, host }
}

/** Our own words: no host said them. `host` where it was a host's doing. */
export function ownFinding(status: 'deferred' | 'failed', enhancedCode: string, words: string, host?: string): Finding {
  return { status, enhancedCode, reply: words.slice(0, keptChars), ...(host === undefined ? {} : { host }) }
}

/** Of what several hosts said: a passing failure of one is a reason to try again, whatever the others said. */
export function weightier(before: Finding | undefined, next: Finding): Finding {
  return before?.status === 'deferred' && next.status !== 'deferred' ? before : next
}
