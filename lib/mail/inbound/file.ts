/**
 * Files a message for one account.
 *
 * Invariants: durable when it resolves; one delivery is filed once, however often it comes (its id is the queue id and
 * the account's); a refusal is a value, a throw is a fault of ours. Mail that the recipient's domain would have refused, or
 * calls junk, goes to the mailbox for junk, and to INBOX when the person has none.
 */
import type { Clock } from '#lib/base/clock.ts'
import type { Log } from '#lib/base/log.ts'
import type { Config } from '#lib/config.ts'
import { foldLocalPart } from '#lib/formats/address/localPart.ts'
import type { Account, Domain } from '#lib/mail/accounts/directory.ts'
import type { AccountLimits } from '#lib/mail/accounts/limits.ts'
import { appendMessage } from '#lib/mail/mailbox/append.ts'
import type { FilingOutcome } from '#lib/mail/mailbox/filing.ts'
import { AnewRefusal, MailboxRefusal } from '#lib/mail/mailbox/refusal.ts'
import type { AccountMail, MailStore } from '#lib/mail/mailbox/store.ts'
import type { InboundNote } from '#lib/mail/transit/note.ts'
import type { DomainRoom } from './domainRoom.ts'
import { composePrefix } from './mailHead.ts'
import type { TransitMail } from './mailHead.ts'
import type { PlannedAccount } from './plan.ts'

export interface FileDeps {
  readonly mail: Pick<MailStore, 'openForFiling'>
  readonly directory: { limitsOf(account: Account): Pick<AccountLimits, 'bytes' | 'messages'> }
  readonly domain: (name: string) => Promise<Domain | undefined>
  readonly room: DomainRoom
  readonly clock: Clock
  readonly log: Log
  readonly hostname: string
  readonly settings: Pick<Config['inbound'], 'detailToMailbox'>
}

export interface FilingRefusal {
  readonly enhancedCode: string
  readonly text: string
  /** Room may be made. */
  readonly full: boolean
}

/** Undefined when it is filed, now or before. */
export async function fileFor(deps: FileDeps, note: InboundNote, message: TransitMail, target: PlannedAccount): Promise<FilingRefusal | undefined> {
  const { account } = target
  const domain = await deps.domain(account.domain)
  const prefix = Buffer.from(composePrefix({ mailFrom: note.envelope.mailFrom, deliveredTo: target.address, hostname: deps.hostname, verdict: note.verdict, disposition: target.disposition }))
  const sizeBytes = prefix.length + message.sizeBytes
  const mail = await deps.mail.openForFiling(account.id)
  try {
    const deliveryId = `${note.queueId}/${account.id}`
    // A repeat needs no room.
    if (await mail.log.show((state) => state.deliveries.has(deliveryId))) return undefined
    if (domain !== undefined && !(await deps.room.take(domain, sizeBytes))) return { enhancedCode: '5.2.2', text: `${account.address}: the domain's mailboxes are full`, full: true }
    try {
      await append(deps, note, message, target, mail, prefix, deliveryId)
    } catch (error) {
      if (domain !== undefined) deps.room.giveBack(domain, sizeBytes)
      throw error
    }
    if (domain !== undefined) await deps.room.filed(domain, mail)
    return undefined
  } catch (error) {
    // Made anew this moment: the account is there, and gets it when the note comes again.
    if (error instanceof MailboxRefusal && !(error instanceof AnewRefusal)) return refusalOf(account, error)
    throw error
  } finally {
    mail.release()
  }
}

async function append(deps: FileDeps, note: InboundNote, message: TransitMail, target: PlannedAccount, mail: AccountMail, headerPrefix: Buffer, deliveryId: string): Promise<void> {
  const { account } = target
  const { bytes, messages } = deps.directory.limitsOf(account)
  const limits = { ...(bytes === undefined ? {} : { quotaBytes: bytes }), ...(messages === undefined ? {} : { quotaMessages: messages }) }
  const into = async (mailboxName: string): Promise<FilingOutcome> => {
    // A stream is read once: each try gets its own.
    const content = message.content instanceof Uint8Array ? message.content : message.content()
    return await appendMessage(mail, { content, crlf: true, headerPrefix, internalDate: note.receivedAt, mailboxName, flags: [], deliveryId, envelope: { from: note.envelope.mailFrom, to: target.recipient.address }, ...limits })
  }
  let mailbox = chooseMailbox(deps, mail, target)
  const outcome = await into(mailbox).catch((error: unknown) => {
    // Renamed or deleted this moment.
    if (mailbox === inbox || !(error instanceof MailboxRefusal) || error.code !== 'NONEXISTENT') throw error
    mailbox = inbox
    return into(inbox)
  })
  if (!outcome.duplicate) deps.log.info('filed', { queueId: note.queueId, account: account.address, mailbox, uid: outcome.uid })
}

const inbox = 'INBOX'

function chooseMailbox({ settings }: FileDeps, { state }: AccountMail, { disposition, detail }: PlannedAccount): string {
  // RFC 6154 §2
  if (disposition.action !== 'accept') return state.mailboxes().find(({ specialUse }) => specialUse === '\\Junk')?.name ?? inbox
  // RFC 5233 §1
  if (!settings.detailToMailbox || detail === undefined || detail === '') return inbox
  // Addresses have lost their case.
  return (state.mailbox(detail) ?? state.mailboxes().find(({ name }) => foldLocalPart(name) === foldLocalPart(detail)))?.name ?? inbox
}

function refusalOf({ address }: Account, error: MailboxRefusal): FilingRefusal {
  switch (error.code) {
    case 'OVERQUOTA':
      // RFC 3463 §3.3: 5.2.2 mailbox full.
      return { enhancedCode: '5.2.2', text: `${address}: mailbox full`, full: true }
    case 'NONEXISTENT':
      return { enhancedCode: '5.1.1', text: `${address}: no such user here`, full: false }
    default:
      return { enhancedCode: '5.2.0', text: `${address}: ${error.message}`, full: false }
  }
}
