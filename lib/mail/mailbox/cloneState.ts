/** A state of its own, equal to another: what is folded into the one is not in the other. Of a million messages it takes some 100 ms. */
import type { Annotations } from './annotations.ts'
import { Departed } from './departed.ts'
import { DeliveryMemory } from './deliveryMemory.ts'
import { MailboxState } from './mailboxState.ts'
import { MessageList } from './messageList.ts'
import { copySegment } from './segment.ts'
import { AccountState } from './state.ts'
import { Vanished } from './vanished.ts'

/** All rows have to be here. The clone knows of no snapshot. @throws {UnreadError} */
export function cloneState(state: AccountState): AccountState {
  const clone = new AccountState(new DeliveryMemory(state.deliveries.segments.map(copySegment)), new Departed(state.departed.segments.map(copySegment)))
  clone.sequence = state.sequence
  clone.time = state.time
  clone.lastUidValidity = state.lastUidValidity
  clone.flagSets.takeOver(state.flagSets)
  for (const name of state.subscriptions) clone.subscriptions.add(name)
  for (const [name, uidValidity] of state.vacated) clone.vacated.set(name, uidValidity)
  for (const [key, count] of state.shares) clone.shares.set(key, count)
  copyAnnotations(state.annotations, clone.annotations)
  for (const mailbox of state.mailboxes()) clone.put(cloneMailbox(mailbox, clone))
  return clone
}

function cloneMailbox(mailbox: MailboxState, { flagSets }: AccountState): MailboxState {
  const { id, name, specialUse, createdAt, uidValidity, uidNext, highestModSeq } = mailbox
  const facts = { id, name, specialUse, createdAt, uidValidity, uidNext, highestModSeq, keywords: mailbox.keywords() }
  const clone = new MailboxState(facts, flagSets, new MessageList(mailbox.messages.segments.map(copySegment)), new Vanished(mailbox.vanished.segments.map(copySegment)))
  for (const [identifier, rights] of mailbox.acl) clone.grant(identifier, rights)
  copyAnnotations(mailbox.annotations, clone.annotations)
  return clone
}

function copyAnnotations(from: Annotations, to: Annotations): void {
  for (const { user, name, value } of from.all()) to.set(user, name, value)
}
