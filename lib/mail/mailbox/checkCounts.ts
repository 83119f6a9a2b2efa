/** Whether a folded state agrees with itself: what is kept as a count is counted anew. */
import { sizeOf } from './annotations.ts'
import type { MailboxState } from './mailboxState.ts'
import { emailId, originKey, originOfKey } from './origin.ts'
import type { Problems } from './problems.ts'
import type { AccountState } from './state.ts'

export function checkCounts(state: AccountState, problems: Problems): void {
  for (const mailbox of state.mailboxes()) checkMailbox(mailbox, problems)
  for (const [what, { annotations }] of [['The account', state] as const, ...state.mailboxes().map((mailbox) => [mailbox.name, mailbox] as const)]) {
    const counted = annotations.all().reduce((sum, annotation) => sum + sizeOf(annotation), 0)
    if (annotations.bytes !== counted) problems.add('counts', `${what} counts ${annotations.bytes} octets of annotations, but has ${counted}`)
  }
  checkShares(state, problems)
}

function checkMailbox(mailbox: MailboxState, problems: Problems): void {
  let unseen = 0
  let deletedCount = 0
  let sizeBytes = 0
  let before = 0
  for (let place = 0; place < mailbox.count; place++) {
    const flags = mailbox.flagsAt(place)
    if (!flags.includes('\\Seen')) unseen++
    if (flags.includes('\\Deleted')) deletedCount++
    sizeBytes += mailbox.sizeAt(place)
    const uid = mailbox.uidAt(place)
    if (uid <= before || uid >= mailbox.uidNext) problems.add('counts', `${mailbox.name} has the UID ${uid} after ${before}, and ${mailbox.uidNext} is the next one it gives`)
    before = uid
    if (mailbox.modSeqAt(place) > mailbox.highestModSeq) problems.add('counts', `UID ${uid} of ${mailbox.name} has the mod-sequence ${mailbox.modSeqAt(place)}, above the highest, ${mailbox.highestModSeq}`)
  }
  for (const [what, kept, counted] of [['unseen messages', mailbox.unseen, unseen], ['deleted messages', mailbox.deletedCount, deletedCount], ['octets', mailbox.sizeBytes, sizeBytes]] as const)
    if (kept !== counted) problems.add('counts', `${mailbox.name} counts ${kept} ${what}, but has ${counted}`)
}

/** Copies share their content, which is given up with the last of them. */
function checkShares(state: AccountState, problems: Problems): void {
  const keys = new Float64Array(state.messageCount)
  let at = 0
  for (const { messages } of state.mailboxes()) {
    for (const { columns, count } of messages.segments) for (let row = 0; row < count; row++) keys[at++] = originKey(columns.originSequence[row] ?? 0, columns.originIndex[row] ?? 0)
  }
  keys.sort()
  let shared = 0
  for (let from = 0; from < keys.length; ) {
    const key = keys[from] ?? 0
    let to = from + 1
    while (keys[to] === key) to++
    const kept = state.shares.get(key) ?? 1
    if (to - from > 1) shared++
    if (kept !== to - from) problems.add('counts', `Message ${nameOf(key)} is counted ${kept} times, but stands in mailboxes ${to - from} times`)
    from = to
  }
  if (state.shares.size > shared) problems.add('counts', `${state.shares.size} messages count as copied, but ${shared} are`)
}

function nameOf(key: number): string {
  const { sequence, index } = originOfKey(key)
  return emailId(sequence, index)
}
