import type { Resolve } from './expand.ts'

/**
 * Whether anybody is behind an alias, asked while the client can still be told: mail for an alias whose targets are all gone would
 * be accepted, and its bounce often may not be sent. Looks at the targets in turn up to the first that is somebody; an alias among
 * them counts as one, for who is behind that is found when the message is at hand.
 */
export async function reachesSomebody(targets: readonly string[], resolve: Resolve): Promise<boolean> {
  for (const target of targets) {
    const { kind } = await resolve(target)
    if (kind === 'account' || kind === 'remote' || kind === 'alias') return true
  }
  return false
}
