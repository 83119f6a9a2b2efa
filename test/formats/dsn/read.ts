/** Reads a report as a strict reader would: its parts and the groups of fields in its status part. */

export interface ReadPart {
  readonly type: string
  readonly parameters: string
  readonly encoding: string
  /** As it stands, latin1. */
  readonly text: string
}

export interface ReadReport {
  readonly header: ReadonlyMap<string, string>
  readonly parts: readonly ReadPart[]
  /** The first group is about the message, each other about a recipient. Names in lower case. */
  readonly status: readonly (readonly (readonly [name: string, value: string])[])[]
}

export function readReport(message: Uint8Array): ReadReport {
  const text = Buffer.from(message).toString('latin1')
  const [head, body] = cut(text)
  const header = new Map(readFields(head))
  const boundary = /boundary="([^"]+)"/.exec(header.get('content-type') ?? '')?.[1]
  if (boundary === undefined) throw new Error('no boundary')
  const pieces = `\r\n${body}`.split(`\r\n--${boundary}`)
  if (pieces[0] !== '' || pieces.at(-1) !== '--\r\n') throw new Error('text before the first or after the last part')
  const parts = pieces.slice(1, -1).map((piece) => {
    if (!piece.startsWith('\r\n')) throw new Error('no line end behind a delimiter')
    const [partHead, partText] = cut(piece.slice(2))
    const fields = new Map(readFields(partHead))
    const [, type = '', parameters = ''] = /^([^;]+)(.*)$/s.exec(fields.get('content-type') ?? '') ?? []
    return { type, parameters, encoding: fields.get('content-transfer-encoding') ?? '7bit', text: partText }
  })
  return { header, parts, status: readStatus(decode(parts.find(({ type }) => type.endsWith('delivery-status')))) }
}

function decode(part: ReadPart | undefined): string {
  if (part?.encoding !== 'quoted-printable') return part?.text ?? ''
  return part.text.replaceAll('=\r\n', '').replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
}

/** Groups end at empty lines. RFC 3464 §2.1 */
export function readStatus(text: string): ReadReport['status'] {
  return text.split(/(?:^|\r\n)(?:[ \t]*\r\n)+/).filter((group) => group.trim() !== '').map(readFields)
}

function cut(text: string): [head: string, body: string] {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) throw new Error('no empty line')
  return [text.slice(0, end), text.slice(end + 4)]
}

function readFields(text: string): [name: string, value: string][] {
  return text.replace(/\r\n[ \t]+/g, ' ').split('\r\n').filter((line) => line.trim() !== '').map((line) => {
    const match = /^([\x21-\x39\x3b-\x7e]+)[ \t]*:[ \t]*(.*)$/.exec(line)
    if (match === null) throw new Error(`no field: ${line}`)
    return [(match[1] ?? '').toLowerCase(), (match[2] ?? '').trimEnd()]
  })
}
