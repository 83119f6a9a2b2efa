/** STAT, LIST and UIDL: RFC 1939 §5 and §7. */
import type { Answer } from '../command.ts'
import { answerLines } from '../lines.ts'
import type { Scan } from '../maildrop.ts'
import type { Session } from '../session.ts'

export function obeyStat({ maildrop }: Session): Answer {
  return `${maildrop.count} ${maildrop.sizeBytes}`
}

export function obeyList(session: Session, { number }: { readonly number: number | undefined }): Promise<Answer> {
  return listing(session, number, ({ sizeBytes }) => String(sizeBytes))
}

export function obeyUidl(session: Session, { number }: { readonly number: number | undefined }): Promise<Answer> {
  return listing(session, number, ({ uniqueId }) => uniqueId)
}

async function listing(session: Session, number: number | undefined, fact: (scan: Scan) => string): Promise<Answer> {
  const { maildrop } = session
  if (number !== undefined) return `${number} ${fact(maildrop.scan(number))}`
  await answerLines(session, `${maildrop.count} messages, ${maildrop.sizeBytes} octets`, eachLine(maildrop.scans(), fact))
  return undefined
}

function* eachLine(scans: Iterable<Scan>, fact: (scan: Scan) => string): Generator<string> {
  for (const scan of scans) yield `${scan.number} ${fact(scan)}`
}
