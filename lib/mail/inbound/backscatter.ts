/** Whether the owner of a reverse path may be told what became of a message: never a stranger whose address was forged. */
import { domainOfAddress, isSameOrBelow } from '#lib/formats/auth/domain.ts'
import type { InboundNote } from '#lib/mail/transit/note.ts'

export type Told = { readonly may: true } | { readonly may: false; readonly why: string }

/**
 * Ours (submitted with a login, or made here), or proven by SPF for the reverse path, or by a signature of its domain.
 * A signature of just any domain proves nothing about the reverse path. Mail of trusted clients is not checked: its senders
 * are told when they are at one of our domains, so that the report stays in the house.
 */
export function mayTell({ envelope: { mailFrom }, client, verdict }: Pick<InboundNote, 'envelope' | 'client' | 'verdict'>, isTrusted: (address: string) => boolean, isOurs: boolean): Told {
  // RFC 5321 §4.5.5: never an answer to the null reverse path.
  if (mailFrom === '') return { may: false, why: 'null reverse path' }
  if (client.accountId !== undefined || client.address === undefined) return { may: true }
  if (isOurs && isTrusted(client.address)) return { may: true }
  const auth = verdict?.auth
  if (auth === undefined) return { may: false, why: 'sender not checked' }
  if (auth.spf.result === 'pass' && auth.spf.identity === 'mailfrom') return { may: true }
  const domain = domainOfAddress(mailFrom)
  const signed = auth.dkim.some((dkim) => dkim.result === 'pass' && (isSameOrBelow(domain, dkim.domain) || isSameOrBelow(dkim.domain, domain)))
  return signed ? { may: true } : { may: false, why: 'neither SPF nor DKIM proves the sender' }
}
