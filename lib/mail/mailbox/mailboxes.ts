/** Making, renaming, deleting and subscribing mailboxes: RFC 9051 §6.3.4 to §6.3.8. */
import type { Config } from '#lib/config.ts'
import type { Draft } from './draft.ts'
import { canonicalName, inbox, isBelow, separator } from './mailboxName.ts'
import type { MailboxState } from './mailboxState.ts'
import { MailboxRefusal } from './refusal.ts'
import type { AccountState } from './state.ts'
import type { AccountMail } from './store.ts'

/** @throws {MailboxRefusal} NONEXISTENT */
export function demandMailbox(state: AccountState, id: string): MailboxState {
  const mailbox = state.mailboxById(id)
  if (mailbox === undefined) throw new MailboxRefusal('NONEXISTENT', 'The mailbox is not there any more')
  return mailbox
}

export interface NewMailbox {
  readonly name: string
  readonly specialUse?: string | null
  /** How many mailboxes the account may have; absent: as many as the setting says. */
  readonly quotaMailboxes?: number
}

/** Levels above it need not exist, and are not made. @throws {MailboxRefusal} ALREADYEXISTS, CANNOT, LIMIT, OVERQUOTA */
export async function createMailbox(account: AccountMail, request: NewMailbox): Promise<{ id: string }> {
  const { settings } = account.log.deps
  return await account.log.change((draft) => {
    const name = newName(draft.state, request.name, settings)
    const { specialUse = null } = request
    // RFC 6154 §3: one mailbox for one use, so that clients of one account agree.
    if (specialUse !== null && draft.state.mailboxes().some((mailbox) => mailbox.specialUse === specialUse)) throw new MailboxRefusal('CANNOT', `There is a mailbox for ${specialUse} already`)
    demandCount(draft.state, 1, settings)
    if (draft.state.mailboxCount >= (request.quotaMailboxes ?? Infinity)) throw new MailboxRefusal('OVERQUOTA', 'The account has as many mailboxes as it may')
    const id = draft.nextMailboxId()
    draft.add({ kind: 'create', name, specialUse })
    inherit(draft, name, id)
    return { id }
  })
}

/** RFC 4314 §4: the rights of the nearest mailbox above. */
function inherit(draft: Draft, name: string, id: string): void {
  let parent: MailboxState | undefined
  for (let at = name.lastIndexOf(separator); at > 0 && parent === undefined; at = name.lastIndexOf(separator, at - 1)) parent = draft.state.mailbox(name.slice(0, at))
  for (const [identifier, rights] of parent?.acl ?? []) draft.add({ kind: 'acl', mailbox: id, identifier, rights })
}

/**
 * Its children come along. INBOX stays: its messages move to the new mailbox, its children do not (RFC 9051 §6.3.6).
 * A level that only its children make can be renamed too.
 * @throws {MailboxRefusal} NONEXISTENT, ALREADYEXISTS, CANNOT, LIMIT
 */
export async function renameMailbox(account: AccountMail, request: { readonly from: string; readonly to: string }): Promise<void> {
  const { settings } = account.log.deps
  await account.log.change((draft) => {
    const from = canonicalName(request.from)
    const to = newName(draft.state, request.to, settings)
    if (from === inbox) return emptyInbox(draft, to, settings)
    checkTree(draft.state, from, to, settings)
    draft.add({ kind: 'rename', from, to })
  })
  if (canonicalName(request.from) === inbox) await copyAnnotations(account, inbox, request.to)
}

/** RFC 5464 §4.1: of INBOX they stay, and are copied to the mailbox its messages went to. One entry each, as together they may be large. */
async function copyAnnotations(account: AccountMail, from: string, to: string): Promise<void> {
  for (const { user, name, value } of account.state.mailbox(from)?.annotations.all() ?? []) {
    await account.log.change((draft) => {
      const target = draft.state.mailbox(to.endsWith(separator) ? to.slice(0, -1) : to)
      if (target !== undefined) draft.add({ kind: 'annotate', mailbox: target.id, user, name, value })
    })
  }
}

function emptyInbox(draft: Draft, to: string, settings: Config['mailbox']): void {
  const source = draft.state.mailbox(inbox)
  if (source === undefined) throw new MailboxRefusal('NONEXISTENT', 'There is no INBOX')
  demandCount(draft.state, 1, settings)
  const id = draft.nextMailboxId()
  draft.add({ kind: 'create', name: to, specialUse: null })
  if (source.count > 0) draft.add({ kind: 'move', from: source.id, to: id, uids: [1, source.uidNext - 1] })
}

function checkTree(state: AccountState, from: string, to: string, settings: Config['mailbox']): void {
  if (isBelow(to, from)) throw new MailboxRefusal('CANNOT', 'A mailbox cannot be moved below itself')
  const tree = state.tree(from)
  if (tree.length === 0) throw new MailboxRefusal('NONEXISTENT', `There is no mailbox ${from}`)
  for (const mailbox of tree) {
    const name = to + mailbox.name.slice(from.length)
    checkLength(name, settings)
    if (state.mailbox(name) !== undefined) throw new MailboxRefusal('ALREADYEXISTS', `There is a mailbox ${name} already`)
  }
}

/** With all its messages; children stay (RFC 9051 §6.3.5). A subscription to its name stays too. @throws {MailboxRefusal} NONEXISTENT, CANNOT */
export async function deleteMailbox(account: AccountMail, request: { readonly name: string }): Promise<void> {
  await account.log.change((draft) => {
    const mailbox = draft.state.mailbox(request.name)
    if (mailbox === undefined) throw new MailboxRefusal('NONEXISTENT', `There is no mailbox ${request.name}`)
    if (mailbox.name === inbox) throw new MailboxRefusal('CANNOT', 'INBOX cannot be deleted')
    draft.add({ kind: 'delete', mailbox: mailbox.id })
  })
}

/** RFC 9051 §6.3.7: the mailbox need not be there. @throws {MailboxRefusal} CANNOT, LIMIT */
export async function subscribeMailbox(account: AccountMail, request: { readonly name: string }): Promise<void> {
  const { settings } = account.log.deps
  await account.log.change((draft) => {
    const name = checkedName(request.name, settings)
    const { subscriptions } = draft.state
    if (subscriptions.has(name)) return
    if (settings.maxMailboxes > 0 && subscriptions.size >= settings.maxMailboxes) throw new MailboxRefusal('LIMIT', 'There are too many subscriptions')
    draft.add({ kind: 'subscribe', name, on: true })
  })
}

/** RFC 9051 §6.3.8: no error when there was none. */
export async function unsubscribeMailbox(account: AccountMail, request: { readonly name: string }): Promise<void> {
  await account.log.change((draft) => {
    const name = canonicalName(request.name)
    if (draft.state.subscriptions.has(name)) draft.add({ kind: 'subscribe', name, on: false })
  })
}

function newName(state: AccountState, wanted: string, settings: Config['mailbox']): string {
  const name = checkedName(wanted, settings)
  if (state.mailbox(name) !== undefined) throw new MailboxRefusal('ALREADYEXISTS', `There is a mailbox ${name} already`)
  return name
}

/** RFC 9051 §6.3.4: a separator at the end only says that children will follow. */
function checkedName(wanted: string, settings: Config['mailbox']): string {
  const name = canonicalName(wanted.endsWith(separator) ? wanted.slice(0, -1) : wanted)
  if (!name.isWellFormed() || /\p{Cc}/u.test(name)) throw new MailboxRefusal('CANNOT', 'The name holds characters that no name may hold')
  if (name.split(separator).some((level) => level === '')) throw new MailboxRefusal('CANNOT', 'A level of the name is empty')
  checkLength(name, settings)
  return name
}

function checkLength(name: string, { maxNameBytes }: Config['mailbox']): void {
  if (Buffer.byteLength(name) > maxNameBytes) throw new MailboxRefusal('LIMIT', `A name can have ${maxNameBytes} octets`)
}

function demandCount(state: AccountState, more: number, { maxMailboxes }: Config['mailbox']): void {
  if (maxMailboxes > 0 && state.mailboxCount + more > maxMailboxes) throw new MailboxRefusal('LIMIT', `An account can have ${maxMailboxes} mailboxes`)
}
