/**
 * SRS with the secrets of our domains: whose address a bounce to a rewritten address is meant for, and which
 * reverse path a forward bears. The only place where mail for a remote address is let in without a login, so it
 * asks the directory for the secret and the clock for the age.
 */
import { domainOfAddress } from '#lib/formats/auth/domain.ts'
import { isSrsAddress, reverseSender, rewriteSender } from '#lib/formats/srs/address.ts'
import type { SrsReversal } from '#lib/formats/srs/address.ts'

export interface SrsDeps {
  readonly directory: { domain(name: string): Promise<{ readonly srsSecret: string } | undefined> }
  readonly clock: { now(): number }
  readonly maxAgeDays: number
}

/** For a recipient at one of our domains. `not-srs` for every ordinary address, without asking the directory. */
export async function reverseSrsRecipient(deps: SrsDeps, recipient: string): Promise<SrsReversal> {
  if (!isSrsAddress(recipient)) return { kind: 'not-srs' }
  const name = domainOfAddress(recipient)
  const domain = await deps.directory.domain(name)
  if (domain === undefined) return { kind: 'not-srs' }
  return reverseSender(recipient, { domain: name, secret: domain.srsSecret }, deps.clock.now(), deps.maxAgeDays)
}

/**
 * The reverse path of a forward by an alias of `aliasDomain`. A sender of any of our domains stays as it is:
 * our hosts are in its SPF record already.
 */
export async function forwardingSender(deps: SrsDeps, sender: string, aliasDomain: string): Promise<string> {
  if (sender === '' || (await deps.directory.domain(domainOfAddress(sender))) !== undefined) return sender
  const domain = await deps.directory.domain(aliasDomain)
  return domain === undefined ? sender : rewriteSender(sender, { domain: aliasDomain, secret: domain.srsSecret }, deps.clock.now())
}
