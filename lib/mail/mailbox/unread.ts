/**
 * What an entry wants to see of rows that a state opened for filing has left in the Blobs.
 *
 * Invariant: once these rows are there, {@link applyEntry} folds the entry as it would fold it into a whole state.
 */
import type { Change, FileChange, SettleChange } from './entry.ts'
import { factOf, messageLimit } from './messageList.ts'
import type { MessageList, MessageSegment } from './messageList.ts'
import type { MailboxState } from './mailboxState.ts'
import type { AnySegment } from './segments.ts'
import type { AccountState } from './state.ts'
import type { UidRuns } from './uidRuns.ts'

export function unreadFor(state: AccountState, changes: readonly Change[]): AnySegment[] {
  const wanted = new Set<AnySegment>()
  for (const change of changes) for (const segment of segmentsOf(state, change)) if (segment.unread !== undefined) wanted.add(segment)
  return [...wanted]
}

/** Those that a change reads or writes; what is read already may be among them. */
function* segmentsOf(state: AccountState, change: Change): Generator<AnySegment> {
  switch (change.kind) {
    case 'file':
      yield* filed(state, change)
      return
    case 'flags':
      yield* touched(state.mailboxById(change.mailbox), change.uids)
      return
    case 'copy':
    case 'move':
      yield* poured(state, change)
      return
    case 'expunge':
      yield* growing(state.departed.segments)
      yield* leaving(state.mailboxById(change.mailbox), change.uids)
      return
    case 'delete':
      yield* growing(state.departed.segments)
      yield* segmentsIn(state, change.mailbox)
      return
    case 'settle':
      yield* settled(state, change)
      return
    case 'sweep':
      yield* state.departed.segments
      return
    case 'create':
    case 'rename':
    case 'subscribe':
    case 'acl':
    case 'annotate':
    case 'submit':
    case 'outcome':
    case 'begin':
    case 'end':
  }
}

function* filed(state: AccountState, { deliveryId, restores, mailbox }: FileChange): Generator<AnySegment> {
  if (deliveryId !== null) yield* state.deliveries.unreadFor(deliveryId)
  yield* growing(state.deliveries.segments)
  if (restores !== undefined) yield* state.departed.segments
  yield* growing(segmentsIn(state, mailbox))
}

function* poured(state: AccountState, { kind, from, to, uids }: Extract<Change, { kind: 'copy' | 'move' }>): Generator<AnySegment> {
  yield* (kind === 'copy' ? touched : leaving)(state.mailboxById(from), uids)
  yield* growing(segmentsIn(state, to))
}

function* settled(state: AccountState, { mailboxes }: SettleChange): Generator<AnySegment> {
  for (const { mailbox, messages } of mailboxes) for (const { uids } of messages) yield* touched(state.mailboxById(mailbox), uids)
}

function segmentsIn(state: AccountState, mailbox: string): readonly MessageSegment[] {
  return state.mailboxById(mailbox)?.messages.segments ?? []
}

/** A list grows in its last segment until that is full. */
function* growing(segments: readonly AnySegment[]): Generator<AnySegment> {
  const last = segments.at(-1)
  if (last !== undefined && !last.full) yield last
}

function* touched(mailbox: MailboxState | undefined, runs: UidRuns): Generator<MessageSegment> {
  if (mailbox !== undefined) for (const segment of mailbox.messages.segments) if (meets(segment, runs)) yield segment
}

/** Where rows are taken out, small neighbours are joined. */
function* leaving(mailbox: MailboxState | undefined, runs: UidRuns): Generator<AnySegment> {
  if (mailbox === undefined) return
  yield* growing(mailbox.vanished.segments)
  yield* beside(mailbox.messages, runs)
}

function* beside({ segments }: MessageList, runs: UidRuns): Generator<MessageSegment> {
  const met = segments.map((segment) => meets(segment, runs))
  for (const [place, segment] of segments.entries()) {
    const isNeighbour = met[place - 1] === true || met[place + 1] === true
    if (met[place] === true || (isNeighbour && segment.count <= messageLimit / 2)) yield segment
  }
}

function meets(segment: MessageSegment, runs: UidRuns): boolean {
  const { count, outline } = segment
  const [first, last] = outline === undefined ? [segment.columns.uid[0] ?? 0, segment.columns.uid[count - 1] ?? 0] : [factOf(outline, 'firstUid'), factOf(outline, 'lastUid')]
  // The first run that ends behind the segment's beginning decides.
  let low = 0
  for (let high = runs.length / 2; low < high; ) {
    const middle = (low + high) >>> 1
    if ((runs[2 * middle + 1] ?? 0) < first) low = middle + 1
    else high = middle
  }
  return 2 * low < runs.length && (runs[2 * low] ?? 0) <= last
}
