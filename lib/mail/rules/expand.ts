/**
 * From a recipient to where the message goes: through aliases to accounts and remote addresses.
 *
 * Invariants: always ends (depth and fan-out are bounded, an address is followed once); every target comes out once;
 * what cannot be followed is a refusal of that branch with a reason, never of the others.
 */
import type { Account } from '#lib/mail/accounts/directory.ts'

/** What one address is: the answer of the directory. */
export type Resolution =
  | { readonly kind: 'account'; readonly account: Account; readonly address: string; readonly detail?: string | undefined }
  | { readonly kind: 'alias'; readonly address: string; readonly targets: readonly string[] }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'disabled'; readonly account: Account }
  | { readonly kind: 'remote' }
  /** The message has been at this address before. */
  | { readonly kind: 'loop' }

export type Resolve = (address: string) => Promise<Resolution>

export interface ExpandLimits {
  /** Aliases from one to the next. */
  readonly depth: number
  /** Targets of one recipient. */
  readonly targets: number
}

export interface LocalTarget {
  readonly account: Account
  /** The address that led to the account: as the directory spells it, or as given when it bears a detail. */
  readonly address: string
  readonly detail?: string
}

export interface RemoteTarget {
  readonly address: string
  /** The alias that names it; its domain speaks for the forward. Absent when the recipient itself is remote. */
  readonly alias?: string
}

export interface Refusal {
  /** The address that failed, which may be a target of the recipient's alias. */
  readonly address: string
  readonly enhancedCode: string
  readonly text: string
}

export interface Expansion {
  readonly accounts: readonly LocalTarget[]
  readonly remotes: readonly RemoteTarget[]
  readonly refusals: readonly Refusal[]
  /** The aliases gone through, the recipient's own first. */
  readonly aliases: readonly string[]
}

export async function expandRecipient(recipient: string, resolve: Resolve, limits: ExpandLimits): Promise<Expansion> {
  const accounts = new Map<string, LocalTarget>()
  const remotes = new Map<string, RemoteTarget>()
  const refusals: Refusal[] = []
  const aliases: string[] = []
  const seen = new Set<string>()
  let level: { address: string; alias?: string }[] = [{ address: recipient }]

  const settle = (address: string, resolution: Resolution, alias: string | undefined, next: typeof level): void => {
    switch (resolution.kind) {
      case 'account': {
        const { account, detail } = resolution
        if (!accounts.has(account.id)) accounts.set(account.id, { account, ...(detail === undefined ? { address: resolution.address } : { address, detail }) })
        return
      }
      case 'alias':
        aliases.push(resolution.address)
        for (const target of resolution.targets) next.push({ address: target, alias: resolution.address })
        return
      case 'remote':
        remotes.set(addressKey(address), { address, ...(alias === undefined ? {} : { alias }) })
        return
      case 'unknown':
        // RFC 3463 §3.2: 5.1.1 bad destination mailbox address.
        refusals.push({ address, enhancedCode: '5.1.1', text: `${address}: no such user here` })
        return
      case 'disabled':
        // RFC 3463 §3.3: 5.2.1 mailbox disabled.
        refusals.push({ address, enhancedCode: '5.2.1', text: `${address}: mailbox disabled, not accepting messages` })
        return
      case 'loop':
        refusals.push(tooFar(address, 'the message came back to an address it had been delivered to'))
    }
  }

  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limits.depth) {
      refusals.push(tooFar(recipient, `aliases lead on more than ${limits.depth} times`))
      break
    }
    const next: typeof level = []
    for (const { address, alias } of level) {
      const key = addressKey(address)
      if (seen.has(key)) continue
      if (seen.size > limits.targets) {
        refusals.push(tooFar(recipient, `expands to more than ${limits.targets} targets`))
        return { accounts: [...accounts.values()], remotes: [...remotes.values()], refusals, aliases }
      }
      seen.add(key)
      settle(address, await resolve(address), alias, next)
    }
    level = next
  }
  if (accounts.size + remotes.size + refusals.length === 0) refusals.push(tooFar(recipient, 'aliases lead nowhere but back to themselves'))
  return { accounts: [...accounts.values()], remotes: [...remotes.values()], refusals, aliases }
}

// RFC 3463 §3.5: 5.4.6 routing loop detected.
function tooFar(address: string, what: string): Refusal {
  return { address, enhancedCode: '5.4.6', text: `${address}: ${what}` }
}

// RFC 5321 §2.4
/** Remote local parts may differ by case alone; domains never do. */
function addressKey(address: string): string {
  const at = address.lastIndexOf('@')
  return address.slice(0, at) + address.slice(at).toLowerCase()
}
