/**
 * What flag changes have made of an account, as one change. Pure; compact.ts writes it and takes the flag changes out.
 *
 * A message's flags and mod-sequence at an entry depend on the flag changes before it, made where it stood or where it was copied
 * or moved from. To find those messages the log is folded a second time with every such change made into the keyword
 * {@link mark}: it goes along with copies and moves as flags do. Whoever bears it is named by the settling change with all that it has,
 * so that after it the state is the same whichever of the flag changes were still there.
 *
 * Invariant: a settling change names every message, mailbox and keyword that any of the changes could have made different.
 */
import type { Change, Entry, SettleChange, SettledMailbox } from './entry.ts'
import type { MailboxState } from './mailboxState.ts'
import type { AccountState } from './state.ts'

/** No client can give a keyword of this name (RFC 9051 §9, flag-keyword). */
const mark = '\u0000 touched'

/** It changes flags and nothing else. */
export function isFlagsOnly({ changes }: Entry): boolean {
  return changes.length > 0 && changes.every(({ kind }) => kind === 'flags')
}

/** For the second fold: what changes flags marks them; flag changes beside others, which stay in the log, do nothing here. */
export function marking(entry: Entry): Entry {
  const flags = isFlagsOnly(entry) ? [mark] : []
  return { ...entry, changes: entry.changes.map((change): Change => (change.kind === 'flags' ? { ...change, action: 'add', flags } : change)) }
}

/** Both states are those after the entry that gets the change; `marked` was folded from {@link marking} from `since` on. */
export function settleChange(state: AccountState, marked: AccountState, since: number): SettleChange {
  const known = new Set(marked.flagSets.spellings())
  const mailboxes = state.mailboxes().flatMap((mailbox) => settledMailbox(mailbox, marked.mailboxById(mailbox.id)) ?? [])
  return { kind: 'settle', since, spellings: state.flagSets.spellings().filter((spelling) => !known.has(spelling)), mailboxes }
}

interface Group {
  readonly flags: readonly string[]
  readonly modSeq: number
  readonly uids: number[]
  /** The place of its last message. */
  last: number
}

function settledMailbox(mailbox: MailboxState, marked: MailboxState | undefined): SettledMailbox | undefined {
  if (marked === undefined || marked.count !== mailbox.count) throw new Error(`the mailbox ${mailbox.id} is not the same in both folds`)
  const groups = new Map<string, Group>()
  /** By the number of a flag set: what is asked of every message is worked out once. */
  const marks: boolean[] = []
  let [near, nearSet, nearModSeq]: [Group | undefined, number, number] = [undefined, 0, 0]
  for (let place = 0; place < mailbox.count; place++) {
    if (!(marks[marked.flagSetAt(place)] ??= marked.flagsAt(place).includes(mark))) continue
    const [set, modSeq, uid] = [mailbox.flagSetAt(place), mailbox.modSeqAt(place), mailbox.uidAt(place)]
    const group: Group = near !== undefined && set === nearSet && modSeq === nearModSeq ? near : groupOf(groups, mailbox.flagsAt(place), modSeq)
    ;[near, nearSet, nearModSeq] = [group, set, modSeq]
    // A run may span UIDs that are gone.
    if (group.last === place - 1) group.uids[group.uids.length - 1] = uid
    else group.uids.push(uid, uid)
    group.last = place
  }
  if (groups.size === 0 && !marked.keywords().includes(mark)) return undefined
  return { mailbox: mailbox.id, highestModSeq: mailbox.highestModSeq, keywords: mailbox.keywords(), messages: [...groups.values()].map(({ flags, modSeq, uids }) => ({ flags, modSeq, uids })) }
}

function groupOf(groups: Map<string, Group>, flags: readonly string[], modSeq: number): Group {
  const name = `${modSeq} ${flags.join(' ')}`
  const group = groups.get(name) ?? { flags, modSeq, uids: [], last: -2 }
  groups.set(name, group)
  return group
}
