/**
 * What the signals look at, read out of a message once. Pure; bounded by the octets it is given.
 */
import { decodeEncodedWords, decodeText } from '#lib/formats/message/decode.ts'
import { unfold } from '#lib/formats/message/header.ts'
import { parseAddressList } from '#lib/formats/message/address.ts'
import { parameterText } from '#lib/formats/message/parameters.ts'
import type { Part, ParsedMessage } from '#lib/formats/message/structure.ts'
import { domainName } from '#lib/formats/auth/domain.ts'
import type { AuthVerdict } from '#lib/formats/auth/verdict.ts'
import { scanHtml, squeeze } from './html.ts'
import type { HtmlScan } from './html.ts'
import { readLink } from './links.ts'
import type { LinkTarget } from './links.ts'

/** Octets of one text part, and number of text parts, that are read. */
const partLimitBytes = 128 * 1024
const textPartLimit = 6
/** Visible characters searched for phrases: fraud comes to the point. */
const wordsLimit = 16_000
/** Octets of a field, fields of one name, and characters of a subject or name: patterns may take the square of these. */
const fieldLimit = 8000
const fieldsLimit = 100
const subjectLimit = 1000
const nameLimit = 300

/** What is known of the client beyond its words; `ptr` is absent when nobody asked. */
export interface ClientFacts {
  readonly address: string
  readonly hello: string
  /** Names of the address that lead back to it; `none` when there are no names, `unconfirmed` when none leads back. */
  readonly ptr?: { readonly status: 'confirmed' | 'unconfirmed'; readonly name: string } | { readonly status: 'none' | 'unknown' }
}

export interface Attachment {
  readonly name: string
  readonly type: string
}

export interface SenderFacts {
  readonly name: string
  readonly address: string
  readonly domain: string
}

export interface MessageFacts {
  /** Unfolded values of a field, by its lower case name. */
  readonly fields: ReadonlyMap<string, readonly string[]>
  readonly from: SenderFacts
  readonly fromCount: number
  readonly replyTo: SenderFacts | undefined
  readonly mailFrom: string | undefined
  readonly subject: string
  readonly sentAt: number | null
  readonly receivedAt: number
  /** Decoded text/plain, squeezed. */
  readonly plain: string
  readonly html: HtmlScan | undefined
  /** Octets of HTML source. */
  readonly htmlBytes: number
  readonly htmlInBase64: boolean
  /** Subject and visible text, lower case. */
  readonly words: string
  readonly links: readonly (LinkTarget & { readonly text: string })[]
  readonly attachments: readonly Attachment[]
  readonly auth: AuthVerdict | undefined
  readonly client: ClientFacts | undefined
  /** Our own names: a stranger that calls itself so lies. */
  readonly ownNames: readonly string[]
}

export interface FactsRequest {
  readonly parsed: ParsedMessage
  /** The message, or its beginning. */
  readonly bytes: Uint8Array
  readonly receivedAt: number
  readonly mailFrom?: string | undefined
  readonly auth?: AuthVerdict | undefined
  readonly client?: ClientFacts | undefined
  readonly ownNames?: readonly string[] | undefined
}

export function gatherFacts(request: FactsRequest): MessageFacts {
  const { parsed, bytes } = request
  const fields = gatherFields(parsed)
  const texts = gatherTexts(parsed.root, bytes)
  const subject = decodeEncodedWords(fields.get('subject')?.[0] ?? '').slice(0, subjectLimit)
  const from = readSender(fields.get('from')?.[0] ?? '')
  const visible = texts.html === undefined ? texts.plain : `${texts.plain} ${texts.html.text}`
  return {
    fields,
    from,
    fromCount: fields.get('from')?.length ?? 0,
    replyTo: fields.has('reply-to') ? readSender(fields.get('reply-to')?.[0] ?? '') : undefined,
    mailFrom: request.mailFrom,
    subject,
    sentAt: parsed.threading.sentAt,
    receivedAt: request.receivedAt,
    ...texts,
    words: `${subject}\n${visible.slice(0, wordsLimit)}`.toLowerCase(),
    links: gatherLinks(texts.plain, texts.html),
    attachments: gatherAttachments(parsed.root),
    auth: request.auth,
    client: request.client,
    ownNames: request.ownNames ?? [],
  }
}

function gatherFields({ fields }: ParsedMessage): Map<string, string[]> {
  const byName = new Map<string, string[]>()
  for (const { name, value } of fields) {
    const key = name.toLowerCase()
    const values = byName.get(key)
    if (values === undefined) byName.set(key, [unfold(value.slice(0, fieldLimit)).trim()])
    else if (values.length < fieldsLimit) values.push(unfold(value.slice(0, fieldLimit)).trim())
  }
  return byName
}

function readSender(value: string): SenderFacts {
  const first = parseAddressList(value).find(({ mailbox, host }) => mailbox !== null && host !== null)
  if (first === undefined) return { name: decodeEncodedWords(value).slice(0, nameLimit), address: '', domain: '' }
  const domain = domainName(first.host ?? '')
  return { name: decodeEncodedWords(first.name ?? '').trim().slice(0, nameLimit), address: `${(first.mailbox ?? '').slice(0, nameLimit)}@${domain}`.toLowerCase(), domain }
}

function gatherTexts(root: Part, bytes: Uint8Array): { plain: string; html: HtmlScan | undefined; htmlBytes: number; htmlInBase64: boolean } {
  const plain: string[] = []
  const html: string[] = []
  let htmlInBase64 = false
  for (const part of leaves(root).filter(isReadable).slice(0, textPartLimit)) {
    const text = decodeText(part, bytes.subarray(part.bodyStart, Math.min(part.bodyEnd, part.bodyStart + partLimitBytes)))
    if (part.subtype !== 'html') plain.push(text)
    else {
      html.push(text)
      htmlInBase64 ||= part.encoding.toLowerCase() === 'base64'
    }
  }
  const source = html.join('\n')
  return { plain: squeeze(plain.join('\n')), html: html.length === 0 ? undefined : scanHtml(source), htmlBytes: source.length, htmlInBase64 }
}

function isReadable(part: Part): boolean {
  return part.type === 'text' && part.disposition?.type.toLowerCase() !== 'attachment'
}

function* walk(part: Part, depth = 0): Iterable<Part> {
  if (part.parts.length === 0) yield part
  if (depth < 20) for (const child of part.parts) yield* walk(child, depth + 1)
}

function leaves(root: Part): Part[] {
  return [...walk(root)]
}

function gatherLinks(plain: string, html: HtmlScan | undefined): (LinkTarget & { text: string })[] {
  const links = (html?.links ?? []).flatMap(({ href, text }) => {
    const target = readLink(href)
    return target === undefined ? [] : [{ ...target, text }]
  })
  for (const [url] of plain.slice(0, 100_000).matchAll(/https?:\/\/[^\s<>"'()]{3,200}/gi)) {
    if (links.length >= 400) break
    const target = readLink(url)
    if (target !== undefined) links.push({ ...target, text: '' })
  }
  return links
}

function gatherAttachments(root: Part): Attachment[] {
  return leaves(root).flatMap((part) => {
    const name = parameterText(part.disposition?.parameters, 'filename') ?? parameterText(part.parameters, 'name')
    return name === undefined ? [] : [{ name, type: `${part.type}/${part.subtype}` }]
  })
}
