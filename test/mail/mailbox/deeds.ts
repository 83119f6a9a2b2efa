/** Random deeds on an account, and the doing of them. */
import fc from 'fast-check'
import { changeAcl } from '#lib/mail/mailbox/acl.ts'
import { annotate } from '#lib/mail/mailbox/annotate.ts'
import { copyMessages } from '#lib/mail/mailbox/copy.ts'
import { expungeMessages } from '#lib/mail/mailbox/expunge.ts'
import { changeFlags } from '#lib/mail/mailbox/flags.ts'
import { createMailbox, deleteMailbox, renameMailbox, subscribeMailbox, unsubscribeMailbox } from '#lib/mail/mailbox/mailboxes.ts'
import { moveMessages } from '#lib/mail/mailbox/move.ts'
import { MailboxRefusal } from '#lib/mail/mailbox/refusal.ts'
import { planRestore } from '#lib/mail/mailbox/restorePlan.ts'
import { restoreMessages } from '#lib/mail/mailbox/restore.ts'
import { AccountState, applyEntry } from '#lib/mail/mailbox/state.ts'
import type { AccountMail } from '#lib/mail/mailbox/store.ts'
import { sweepAccount } from '#lib/mail/mailbox/sweep.ts'
import { readEntries } from '#lib/mail/mailbox/tail.ts'
import { fileText } from './setting.ts'
import type { Setting } from './setting.ts'

export const day = 24 * 60 * 60 * 1000

/** Mailboxes are picked by a number modulo how many there are, UIDs are often there and often not. */
const pick = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(20) })
const uids = fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 6 })
const flags = fc.subarray(['\\Seen', '\\Deleted', '\\Flagged', 'Work', 'WORK', '$Later', 'ünï'])
const name = fc.oneof({ weight: 3, arbitrary: fc.constantFrom('A', 'B') }, { weight: 2, arbitrary: fc.constantFrom('A/x', 'A/x/y', 'B/z', 'inbox', 'Sent', 'Trash/old') })

export const deed = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('file' as const), mailbox: pick, flags, size: fc.nat(50), deliveryId: fc.option(fc.constantFrom('d1', 'd2', 'd3', 'd4')) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('flags' as const), mailbox: pick, uids, action: fc.constantFrom('add' as const, 'remove' as const, 'replace' as const), flags }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('copy' as const, 'move' as const), mailbox: pick, to: pick, uids }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('expunge' as const), mailbox: pick, uids: fc.option(uids), regardless: fc.boolean() }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('create' as const, 'delete' as const, 'subscribe' as const, 'unsubscribe' as const), name }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('rename' as const), from: name, to: name }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('share' as const), mailbox: pick, identifier: fc.constantFrom('bert', 'anyone', '-bert'), action: fc.constantFrom('add' as const, 'remove' as const, 'replace' as const), rights: fc.subarray([...'lrswia']) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('annotate' as const), mailbox: fc.option(pick), user: fc.constantFrom(null, 'anna', 'bert'), name: fc.constantFrom('/comment', '/vendor/x'), value: fc.option(fc.uint8Array({ maxLength: 5 })) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restore' as const), back: fc.nat(20), into: fc.option(fc.constantFrom('A', 'Back')) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('wait' as const, 'sweep' as const, 'refresh' as const) }) },
)
/** Mailboxes that come, go and change names, with a message now and then. */
export const housekeeping = fc.oneof(
  fc.record({ do: fc.constantFrom('create' as const, 'delete' as const), name: fc.constantFrom('A', 'B') }),
  fc.record({ do: fc.constant('rename' as const), from: fc.constantFrom('A', 'B', 'inbox'), to: fc.constantFrom('A', 'B') }),
  fc.record({ do: fc.constant('file' as const), mailbox: fc.nat(7), flags: fc.constant<string[]>([]), size: fc.constant(1), deliveryId: fc.constant(null) }),
)
export type Deed = typeof deed extends fc.Arbitrary<infer T> ? T : never

const anyInbox = (account: AccountMail, at: number): string => {
  const all = account.state.mailboxes()
  return all[at % all.length]?.id ?? ''
}

/** What is refused is refused; anything else thrown fails the test. */
export async function perform(setting: Setting, account: AccountMail, act: Deed): Promise<void> {
  try {
    await performOrRefuse(setting, account, act)
  } catch (error) {
    if (!(error instanceof MailboxRefusal)) throw error
  }
}

async function performOrRefuse(setting: Setting, account: AccountMail, act: Deed): Promise<unknown> {
  switch (act.do) {
    case 'file':
      return await fileText(account, { mailboxId: anyInbox(account, act.mailbox), flags: act.flags, text: 'x'.repeat(act.size), ...(act.deliveryId === null ? {} : { deliveryId: act.deliveryId }) })
    case 'flags':
      return await changeFlags(account, { mailboxId: anyInbox(account, act.mailbox), uids: act.uids, action: act.action, flags: act.flags })
    case 'copy':
      return await copyMessages(account, { from: anyInbox(account, act.mailbox), to: anyInbox(account, act.to), uids: act.uids })
    case 'move':
      return await moveMessages(account, { from: anyInbox(account, act.mailbox), to: anyInbox(account, act.to), uids: act.uids })
    case 'expunge':
      return await expungeMessages(account, { mailboxId: anyInbox(account, act.mailbox), regardless: act.regardless, ...(act.uids === null ? {} : { uids: act.uids }) })
    case 'create':
      return await createMailbox(account, { name: act.name })
    case 'delete':
      return await deleteMailbox(account, { name: act.name })
    case 'subscribe':
      return await subscribeMailbox(account, { name: act.name })
    case 'unsubscribe':
      return await unsubscribeMailbox(account, { name: act.name })
    case 'rename':
      return await renameMailbox(account, { from: act.from, to: act.to })
    case 'share':
      return await changeAcl(account, { mailboxId: anyInbox(account, act.mailbox), identifier: act.identifier, action: act.action, rights: act.rights.join(''), domain: 'example.org' })
    case 'annotate':
      return await annotate(account, { mailboxId: act.mailbox === null ? null : anyInbox(account, act.mailbox), changes: [{ user: act.user, name: act.name, value: act.value }] })
    case 'restore':
      return await restore(setting, account, act.back, act.into)
    case 'wait':
      setting.clock.time += 17 * day
      return
    case 'sweep':
      return await sweepAccount(account, { strays: true })
    case 'refresh':
      return await account.refresh()
  }
}

/** All that was there some entries ago. */
async function restore(setting: Setting, account: AccountMail, back: number, into: string | null): Promise<void> {
  const past = new AccountState()
  let time = 0
  for await (const { sequence, entry } of readEntries(setting.deps.table, 'anna', 1, Math.max(2, account.state.sequence - back))) {
    applyEntry(past, sequence, entry)
    time = entry.at
  }
  const { messages } = await planRestore(account, { past, time })
  await restoreMessages(account, messages, into === null ? {} : { into })
}
