/**
 * Where one message goes: every recipient followed to accounts and remote addresses, and what each recipient's domain
 * thinks of the verdict. Nothing is done yet.
 *
 * Invariants: an account gets a message once, by the first recipient that leads to it; a remote address gets it once for
 * each alias that names it; what cannot be followed refuses that branch only.
 */
import { domainOfAddress } from '#lib/formats/auth/domain.ts'
import type { Verdict } from '#lib/formats/auth/verdict.ts'
import type { Domain } from '#lib/mail/accounts/directory.ts'
import { expandRecipient } from '#lib/mail/rules/expand.ts'
import type { ExpandLimits, Expansion, LocalTarget, RemoteTarget, Resolve } from '#lib/mail/rules/expand.ts'
import type { EnvelopeRecipient } from '#lib/mail/transit/note.ts'
import { dispose } from './disposition.ts'
import type { Disposition, DispositionSettings } from './disposition.ts'

export interface PlanDeps {
  readonly resolve: Resolve
  readonly domain: (name: string) => Promise<Domain | undefined>
  readonly limits: ExpandLimits
  readonly settings: DispositionSettings
}

/** What stands beside every target: whose it is. */
export interface Cause {
  readonly recipient: EnvelopeRecipient
  readonly disposition: Disposition
  /** The recipient has several targets: none of them is the recipient's own fate. */
  readonly expanded: boolean
}

export type PlannedAccount = Cause & LocalTarget
export type PlannedRemote = Cause & RemoteTarget
export interface PlannedRefusal {
  readonly recipient: EnvelopeRecipient
  readonly address: string
  readonly enhancedCode: string
  readonly text: string
}

export interface Plan {
  readonly accounts: readonly PlannedAccount[]
  readonly remotes: readonly PlannedRemote[]
  readonly refusals: readonly PlannedRefusal[]
  /** Recipients with several targets. */
  readonly expanded: readonly EnvelopeRecipient[]
}

export async function planDelivery(deps: PlanDeps, recipients: readonly EnvelopeRecipient[], verdict: Verdict | undefined, deliveredTo: ReadonlySet<string>): Promise<Plan> {
  const accounts = new Map<string, PlannedAccount>()
  const remotes = new Map<string, PlannedRemote>()
  const refusals: PlannedRefusal[] = []
  const expanded: EnvelopeRecipient[] = []
  const resolve = noticeLoops(deps.resolve, deliveredTo)
  for (const recipient of recipients) {
    const expansion = await expandRecipient(recipient.address, resolve, deps.limits)
    const severalTargets = isExpanded(expansion)
    if (severalTargets) expanded.push(recipient)
    const cause: Cause = { recipient, expanded: severalTargets, disposition: await disposeFor(deps, recipient, verdict) }
    for (const target of expansion.accounts) if (!accounts.has(target.account.id)) accounts.set(target.account.id, { ...target, ...cause })
    for (const target of expansion.remotes) {
      const key = `${target.alias ?? ''} ${target.address}`
      if (!remotes.has(key)) remotes.set(key, { ...target, ...cause })
    }
    refusals.push(...expansion.refusals.map((refusal) => ({ recipient, ...refusal })))
  }
  return { accounts: [...accounts.values()], remotes: [...remotes.values()], refusals, expanded }
}

function isExpanded({ accounts, remotes, refusals, aliases }: Expansion): boolean {
  return aliases.length > 0 && accounts.length + remotes.length + refusals.length > 1
}

// RFC 9228 §4
/** An address that stands in Delivered-To had this message before. */
function noticeLoops(resolve: Resolve, deliveredTo: ReadonlySet<string>): Resolve {
  if (deliveredTo.size === 0) return resolve
  return async (address) => {
    const resolution = await resolve(address)
    const isOurs = resolution.kind === 'account' || resolution.kind === 'alias'
    const been = isOurs && (deliveredTo.has(address.toLowerCase()) || deliveredTo.has(resolution.address.toLowerCase()))
    return been ? { kind: 'loop' } : resolution
  }
}

async function disposeFor(deps: PlanDeps, recipient: EnvelopeRecipient, verdict: Verdict | undefined): Promise<Disposition> {
  if (verdict === undefined) return { action: 'accept' }
  const choice = await deps.domain(domainOfAddress(recipient.address))
  return dispose(verdict, choice ?? { dmarc: 'obey' }, deps.settings)
}
