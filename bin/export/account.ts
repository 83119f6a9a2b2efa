/** A whole account as folders and files, with a page that says what these cannot. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { folderPaths } from '#lib/formats/maildir/folderPath.ts'
import { readState } from '#lib/mail/mailbox/load.ts'
import type { MailboxState } from '#lib/mail/mailbox/mailboxState.ts'
import type { SnapshotDeps } from '#lib/mail/mailbox/snapshotKeeper.ts'
import { takeAlong } from '#lib/mail/mailbox/takeAlong.ts'
import type { Written } from './mailboxFile.ts'
import { writeMaildir } from './maildir.ts'
import { writeMbox } from './mbox.ts'

export const exportFormats = ['maildir', 'mbox'] as const
export type ExportFormat = (typeof exportFormats)[number]

export interface ExportedMailbox extends Written {
  readonly mailbox: string
  /** Below the account's directory. */
  readonly path: string
  readonly messages: number
}

export interface ExportRequest {
  readonly accountId: string
  readonly user: string
  readonly directory: string
  readonly format: ExportFormat
  readonly onProgress: (done: number, total: number) => void
}

/** As the account was at one moment; nothing of it is changed. @throws the engine's and the disk's errors, {EntryFormatError}, {MailboxRefusal} */
export async function exportAccount(deps: SnapshotDeps, { accountId, user, directory, format, onProgress }: ExportRequest): Promise<ExportedMailbox[]> {
  const state = await readState(deps, accountId)
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const mailboxes = state.mailboxes()
  const paths = folderPaths(mailboxes.map(({ name }) => name))
  const pathOf = ({ name }: MailboxState): string => join(...(paths.get(name) ?? [])) + (format === 'mbox' ? '.mbox' : '')
  await writeFile(join(directory, 'mailboxes.json'), JSON.stringify({ user, format, sequence: state.sequence, subscriptions: [...state.subscriptions], mailboxes: mailboxes.map((mailbox) => factsOf(mailbox, pathOf(mailbox))) }, null, 2) + '\n', { mode: 0o600 })
  const exported: ExportedMailbox[] = []
  let done = 0
  for (const mailbox of mailboxes) {
    const path = pathOf(mailbox)
    const onMessage = (count: number): void => onProgress((done += count), state.messageCount)
    const source = { mailbox, take: (places: readonly number[]) => takeAlong(deps, accountId, mailbox, places), onMessage }
    const written = await (format === 'mbox' ? writeMbox : writeMaildir)(join(directory, path), source)
    exported.push({ mailbox: mailbox.name, path, messages: mailbox.count, ...written })
  }
  return exported
}

function factsOf(mailbox: MailboxState, path: string) {
  const { name, specialUse, subscribed, uidValidity, uidNext, count, sizeBytes } = mailbox
  return {
    name,
    path,
    specialUse,
    subscribed,
    uidValidity,
    uidNext,
    messages: count,
    octets: sizeBytes,
    keywords: mailbox.keywords(),
    rights: Object.fromEntries(mailbox.acl),
    annotations: mailbox.annotations.all().map(({ user, name: word, value }) => ({ user, name: word, value: Buffer.from(value).toString('utf8') })),
  }
}
