/** Mailbox names as the account keeps them: NFC, `/` between levels, the first level INBOX in capitals (RFC 9051 §5.1). */
export const separator = '/'
export const inbox = 'INBOX'

export function canonicalName(name: string): string {
  const text = name.normalize('NFC')
  const first = text.split(separator, 1)[0] ?? ''
  return first.toUpperCase() === inbox ? inbox + text.slice(first.length) : text
}

/** Whether `name` lies below `parent`. */
export function isBelow(name: string, parent: string): boolean {
  return name.startsWith(parent + separator)
}
