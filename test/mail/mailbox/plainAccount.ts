/** The meaning of entries in the plainest words: lists of objects, nothing packed, nothing counted. */
import type { Change, Entry } from '#lib/mail/mailbox/entry.ts'
import type { AccountState, MailboxState } from '#lib/mail/mailbox/state.ts'

interface PlainMessage {
  uid: number
  origin: string
  flags: string[]
  modSeq: number
}

interface PlainMailbox {
  id: string
  name: string
  uidNext: number
  messages: PlainMessage[]
  acl: Record<string, string>
  annotations: Record<string, string>
}

const within = (runs: readonly number[], uid: number) => runs.some((first, at) => at % 2 === 0 && uid >= first && uid <= (runs[at + 1] ?? 0))
const canonical = (flags: readonly string[]) => [...new Set(flags.map((flag) => flag.toLowerCase()))].sort()

export class PlainAccount {
  #mailboxes: PlainMailbox[] = []
  readonly #annotations: Record<string, string> = {}
  readonly #delivered = new Set<string>()

  apply(sequence: number, { changes }: Entry): void {
    for (const [index, change] of changes.entries()) this.#change(change, sequence, index)
  }

  #change(change: Change, sequence: number, index: number): void {
    if (change.kind === 'file') {
      if (change.deliveryId !== null && this.#delivered.has(change.deliveryId)) return
      if (change.deliveryId !== null) this.#delivered.add(change.deliveryId)
      this.#add(this.#find(change.mailbox), { origin: `${sequence}.${index}`, flags: canonical(change.flags) }, sequence)
    } else if (change.kind === 'flags') this.#flags(change, sequence)
    else if (change.kind === 'copy' || change.kind === 'move') {
      const source = this.#find(change.from)
      const chosen = source.messages.filter(({ uid }) => within(change.uids, uid))
      for (const message of chosen) this.#add(this.#find(change.to), message, sequence)
      if (change.kind === 'move') source.messages = source.messages.filter((message) => !chosen.includes(message))
    } else if (change.kind === 'expunge') {
      const mailbox = this.#find(change.mailbox)
      mailbox.messages = mailbox.messages.filter(({ uid }) => !within(change.uids, uid))
    } else if (change.kind === 'create') this.#mailboxes.push({ id: `F${sequence.toString(36)}${index === 0 ? '' : `_${index.toString(36)}`}`, name: change.name, uidNext: 1, messages: [], acl: {}, annotations: {} })
    else if (change.kind === 'acl') this.#find(change.mailbox).acl[change.identifier] = change.rights
    else if (change.kind === 'annotate') (change.mailbox === null ? this.#annotations : this.#find(change.mailbox).annotations)[`${change.user} ${change.name}`] = change.value === null ? '' : `octets ${Buffer.from(change.value).toString('hex')}`
    else if (change.kind === 'delete') this.#mailboxes = this.#mailboxes.filter(({ id }) => id !== change.mailbox)
    else if (change.kind === 'rename') for (const mailbox of this.#mailboxes) if (`${mailbox.name}/`.startsWith(`${change.from}/`)) mailbox.name = change.to + mailbox.name.slice(change.from.length)
  }

  #flags(change: Extract<Change, { kind: 'flags' }>, sequence: number): void {
    for (const message of this.#find(change.mailbox).messages) {
      if (!within(change.uids, message.uid)) continue
      const given = canonical(change.flags)
      const after = change.action === 'replace' ? given : change.action === 'add' ? canonical([...message.flags, ...given]) : message.flags.filter((flag) => !given.includes(flag))
      if (after.join(' ') !== message.flags.join(' ')) Object.assign(message, { flags: after, modSeq: sequence })
    }
  }

  #add(mailbox: PlainMailbox, { origin, flags }: { origin: string; flags: string[] }, modSeq: number): void {
    mailbox.messages.push({ uid: mailbox.uidNext++, origin, flags: [...flags], modSeq })
  }

  #find(id: string): PlainMailbox {
    const mailbox = this.#mailboxes.find((one) => one.id === id)
    if (mailbox === undefined) throw new Error(`there is no mailbox ${id}`)
    return mailbox
  }

  /** By id, which a rename does not change. */
  describe(): unknown[] {
    return [...this.#mailboxes.map(({ id, name, messages, acl, annotations }) => [id, name, messages, given(acl), given(annotations)]).sort(byFirst), given(this.#annotations)]
  }

  /** The same of the state that is tested. */
  describeState(state: AccountState): unknown[] {
    const annotated = ({ annotations }: Pick<AccountState, 'annotations'>) => Object.fromEntries(annotations.all().map(({ user, name, value }) => [`${user} ${name}`, `octets ${Buffer.from(value).toString('hex')}`]))
    return [...state.mailboxes().map((mailbox) => [mailbox.id, mailbox.name, this.messagesOf(mailbox), Object.fromEntries(mailbox.acl), annotated(mailbox)]).sort(byFirst), annotated(state)]
  }

  /** Of the state that is tested, in the words of the model. */
  messagesOf(mailbox: MailboxState): PlainMessage[] {
    return Array.from({ length: mailbox.count }, (_, place) => {
      const { sequence, index } = mailbox.originAt(place)
      return { uid: mailbox.uidAt(place), origin: `${sequence}.${index}`, flags: canonical(mailbox.flagsAt(place)), modSeq: mailbox.modSeqAt(place) }
    })
  }
}

const given = (all: Record<string, string>) => Object.fromEntries(Object.entries(all).filter(([, value]) => value !== ''))

export const byFirst = ([a]: readonly unknown[], [b]: readonly unknown[]): number => (String(a) < String(b) ? -1 : 1)
