/** Maildirs as clients leave them. */
import { readFileSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** Subject and flags (`DFRST`) of each message, sorted. */
export function maildirOf(maildir: string): string[] {
  return files(maildir)
    .map(({ path, flags }) => `${subjectOf(path)} ${flags}`.trimEnd())
    .sort()
}

/** Renames the message with this subject so that it bears these flags. */
export function mark(maildir: string, subject: string, flags: string): void {
  const { path, base } = find(maildir, subject)
  renameSync(path, join(maildir, 'cur', `${base}:2,${flags}`))
}

export function remove(maildir: string, subject: string): void {
  rmSync(find(maildir, subject).path)
}

function find(maildir: string, subject: string): MaildirFile {
  const found = files(maildir).find(({ path }) => subjectOf(path) === subject)
  if (found === undefined) throw new Error(`no message ${subject} in ${maildir}`)
  return found
}

interface MaildirFile {
  readonly path: string
  readonly base: string
  readonly flags: string
}

function files(maildir: string): MaildirFile[] {
  return ['cur', 'new'].flatMap((folder) =>
    readdirSync(join(maildir, folder)).map((name) => {
      const [base = name, information = ''] = name.split(':2,')
      return { path: join(maildir, folder, name), base, flags: information }
    }),
  )
}

function subjectOf(path: string): string {
  return /^Subject: (.*?)\r?$/m.exec(readFileSync(path, 'latin1'))?.[1] ?? ''
}
