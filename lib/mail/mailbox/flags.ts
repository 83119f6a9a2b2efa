/** Changing flags: one entry, however many messages (RFC 9051 §6.4.6, conditional by RFC 7162 §3.1.3). */
import type { Draft } from './draft.ts'
import type { FlagAction } from './flagSets.ts'
import { demandFlagBytes, demandKeywords } from './keywords.ts'
import { demandMailbox } from './mailboxes.ts'
import type { MailboxState } from './mailboxState.ts'
import type { AccountMail } from './store.ts'
import { demandFits, inParts } from './uidRuns.ts'

export interface FlagsRequest {
  readonly mailboxId: string
  readonly uids: readonly number[]
  readonly action: FlagAction
  readonly flags: readonly string[]
  /** Messages that changed after this mod-sequence are left as they are. */
  readonly unchangedSince?: number
  /** Flags that may be changed, the others stay as they are; absent: all. */
  readonly mayChange?: (flag: string) => boolean
}

export interface FlagsOutcome {
  /** UIDs whose flags are others now, ascending. */
  readonly changed: number[]
  /** UIDs left alone because of `unchangedSince`, ascending. */
  readonly failed: number[]
  /** The mod-sequence the changed ones have now; 0 when nothing changed. */
  readonly modSeq: number
}

/** UIDs that are not there are passed over. A scattered set too large for one entry becomes several. @throws {MailboxRefusal} */
export async function changeFlags(account: AccountMail, request: FlagsRequest): Promise<FlagsOutcome> {
  const parts = await inParts(request.uids, (uids) => account.log.change((draft) => decide(draft, account, { ...request, uids })))
  return { changed: parts.flatMap((part) => part.changed), failed: parts.flatMap((part) => part.failed), modSeq: Math.max(...parts.map((part) => part.modSeq)) }
}

function decide(draft: Draft, account: AccountMail, { mailboxId, uids, action, flags: wanted, unchangedSince = Infinity, mayChange }: FlagsRequest): FlagsOutcome {
  const { state } = draft
  const mailbox = demandMailbox(state, mailboxId)
  const flags = state.flagSets.spell(wanted)
  demandFlagBytes(flags)
  if (action !== 'remove') demandKeywords(mailbox, flags, account.log.deps.settings)
  const steps = stepsOf(mailbox, uids, { action, flags }, mayChange)
  const tests = steps.map((step) => changeTest(step.action, step.flags))
  const verdicts: (boolean | undefined)[] = []
  const changes = (set: number) => (verdicts[set] ??= tests.some((test) => test(state.flagSets.flags(set))))
  const failed: number[] = []
  const places = mailbox.placesOf(uids).filter((place) => {
    if (unchangedSince === Infinity || mailbox.modSeqAt(place) <= unchangedSince) return true
    failed.push(mailbox.uidAt(place))
    return false
  })
  const changed: number[] = []
  for (const place of places) if (changes(mailbox.flagSetAt(place))) changed.push(mailbox.uidAt(place))
  if (changed.length === 0) return { changed, failed, modSeq: 0 }
  // Those that stay the same are named too: the fold leaves them alone, and one long run is shorter than many.
  const runs = demandFits(mailbox.runsOf(places))
  for (const step of steps) draft.add({ kind: 'flags', mailbox: mailboxId, uids: runs, ...step })
  return { changed, failed, modSeq: draft.sequence }
}

type Step = Pick<FlagsRequest, 'action' | 'flags'>

/** Usually one; flags of which some must stay are replaced in two, within one entry. */
function stepsOf(mailbox: MailboxState, uids: readonly number[], { action, flags }: Step, mayChange: FlagsRequest['mayChange']): Step[] {
  if (mayChange === undefined) return [{ action, flags }]
  const add = { action: 'add' as const, flags: flags.filter(mayChange) }
  if (action !== 'replace') return [{ action, flags: add.flags }]
  const borne = new Set([...new Set(mailbox.placesOf(uids).map((place) => mailbox.flagsAt(place)))].flat())
  const remove = { action: 'remove' as const, flags: [...borne].filter((flag) => mayChange(flag) && !flags.includes(flag)) }
  return [remove, add].filter((step) => step.flags.length > 0)
}

function changeTest(action: FlagAction, flags: readonly string[]): (before: readonly string[]) => boolean {
  const given = new Set(flags)
  return (before) => {
    if (action === 'add') return flags.some((flag) => !before.includes(flag))
    if (action === 'remove') return before.some((flag) => given.has(flag))
    return before.length !== given.size || before.some((flag) => !given.has(flag))
  }
}
