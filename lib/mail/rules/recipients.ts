/**
 * What an address is to us, rewritten (SRS) reverse paths of our forwards included: those are aliases that lead to
 * the first sender. For SMTP, which asks at RCPT, and for the check, which follows the answer.
 */
import type { Resolution, Resolve } from './expand.ts'
import { reverseSrsRecipient } from './srs.ts'
import type { SrsDeps } from './srs.ts'

export interface RecipientDeps extends SrsDeps {
  readonly directory: SrsDeps['directory'] & { resolveRecipient(address: string): Promise<Resolution> }
}

/** A rewritten address that is forged or too old is unknown, whatever catch-all there is. */
export function makeResolve(deps: RecipientDeps): Resolve {
  return async (address) => {
    const reversal = await reverseSrsRecipient(deps, address)
    switch (reversal.kind) {
      case 'not-srs':
        return await deps.directory.resolveRecipient(address)
      case 'original':
        return { kind: 'alias', address, targets: [reversal.address] }
      case 'forged':
      case 'expired':
        return { kind: 'unknown' }
    }
  }
}
