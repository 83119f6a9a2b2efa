/** ENVELOPE, BODYSTRUCTURE, BODY and the places of sections beside what another server answered for the same messages. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isDeepStrictEqual } from 'node:util'
import { sectionRange } from '#lib/formats/message/section.ts'
import { parseMessage } from '#lib/formats/message/structure.ts'
import { bodyStructureValue, envelopeValue } from '#lib/formats/message/value.ts'

const corpus = fileURLToPath(new URL('../../../../shared/corpus/mime/', import.meta.url))

const epilogue = 'RFC 2046 §5.1.1: the line end between a closing boundary and the boundary around it belongs to the latter'
const space = 'RFC 5322 §3.2.2: white space around a value is no part of it'
const noHost = 'RFC 5322 §3.4.1: an address has a domain; where none stands, that is told, not an error'
const noComma = 'RFC 5322 §3.4: what stands behind a faulty address is read all the same'
const everyGroup = 'RFC 5322 §3.4: a list may hold several groups, and addresses behind a group'
const emptyElement = 'RFC 5322 §4.4: elements of a list may be empty, and are nobody'
const noType = 'RFC 2045 §5.2: a Content-Type without a type counts as text/plain'
const noDisposition = 'RFC 2183 §2: a Content-Disposition without a type tells nothing'
const looseParameter = 'RFC 2045 §5.1: the value should be quoted; what it was meant to be is clear'

/** Files whose answers differ, and why ours stay as they are. */
const differences: Readonly<Record<string, string>> = {
  'mail-parser-malformed/016.eml': 'RFC 2046 §5.1.1: a boundary is matched whole; the reference looks at its first 80 octets',
  'mail-parser-malformed/017.eml': 'RFC 2045 §5.1: a parameter whose semicolon is missing; the reference gives the type up',
  'mail-parser-thirdparty/005.eml': 'RFC 3516 §4.4: the reference stored parts that hold NUL in base64',
  'mail-parser-thirdparty/010.eml': 'RFC 2045 §5.1: a parameter whose semicolon is missing; the reference reads no further',
  'mail-parser-thirdparty/015.eml': epilogue,
  'mail-parser-rfc/001.eml': looseParameter,
  'mimekit/feedback-report.txt': noHost,
  'mimekit/issue358.txt': 'RFC 5322 §3.4: the address is what stands in the brackets, whatever its name looks like',
  'mimekit/rfc2060.txt': epilogue,
  'mimekit/stack-overflow.txt': noComma,
  'mime4j-testmsgs/basic-plain-with-bad-header-separator.eml': space,
  'mime4j-mimetools-testmsgs/double-semicolon.eml': 'RFC 2045 §5.1: a semicolon too many; the reference reads no further',
  'mime4j-mimetools-testmsgs/multi-digest.eml': noType,
  'ruby-mail/attachment_emails__attachment_message_rfc822_inline_image.eml': epilogue,
  'ruby-mail/error_emails__bad_date_header.eml': space,
  'ruby-mail/error_emails__bad_subject.eml': space,
  'ruby-mail/error_emails__missing_body.eml': noHost,
  'ruby-mail/error_emails__missing_content_disposition.eml': noDisposition,
  'ruby-mail/error_emails__multiple_invalid_content_dispositions.eml': noDisposition,
  'ruby-mail/error_emails__weird_to_header.eml': emptyElement,
  'ruby-mail/plain_emails__raw_email_multiple_from.eml': noComma,
  'ruby-mail/plain_emails__raw_email_with_at_display_name.eml': 'RFC 5322 §3.4: the address is what stands in the brackets, whatever its name looks like',
  'ruby-mail/rfc2822__example11.eml': emptyElement,
  'mox/junk__parse3.eml': space,
  'mox/message__message-rfc822-multipart.eml': epilogue,
  'stalwart-imap/009.eml': `${epilogue}; ${everyGroup}`,
  'stalwart-jmap/email_set__mixed.eml': everyGroup,
  'stalwart-jmap/email_snippet__text_plain.eml': 'RFC 3282 §2: Content-Language needs no other MIME field beside it',
  'wildduck/fix3.eml': looseParameter,
  'james/mailbox-store__oneAttachmentWithEmptyContentType.eml': noType,
  'james/server-core__invalid.eml': 'RFC 2045 §5.1: a quoted string that does not end; the reference leaves the parameter out',
  'james/server-mailets__brokenReplyTo.eml': noComma,
  'james/third-party-ham__ham1.eml': 'RFC 2046 §4.1.2: charsets have no case; ours is as the message has it',
  'synthetic/boundary-empty.eml': 'RFC 2046 §5.1.1: a boundary has one character at least',
  'synthetic/group-addresses.eml': `${everyGroup}; ${noComma}`,
  'synthetic/header-nul-and-ctl.eml': 'RFC 3501 §9: strings hold no NUL; the reference stored another character for each, ours are left out when written',
  'synthetic/mixed-eol.eml': 'RFC 5322 §2.3: a bare CR stands in no message; when filed it becomes a line end, which the reference leaves alone',
}

interface Reference {
  readonly 'path': string
  readonly 'rfc822.size': number
  readonly 'envelope': unknown
  readonly 'bodystructure': unknown
  readonly 'body': unknown
  readonly 'sections': Readonly<Record<string, unknown>>
}

/** RFC 2045 §5.1: types have no case. Ours are in lower case. */
function withPlainTypes(value: unknown): unknown {
  if (!Array.isArray(value)) return value
  const list: unknown[] = value.map(withPlainTypes)
  const [first, second] = list
  if (typeof first === 'string' && typeof second === 'string' && typeof list[6] === 'number') return [first.toLowerCase(), second.toLowerCase(), ...list.slice(2)]
  const at = list.findIndex((one) => !Array.isArray(one))
  const subtype = list[at]
  return at > 0 && typeof subtype === 'string' ? list.with(at, subtype.toLowerCase()) : list
}

function answers(bytes: Buffer, asked: Reference): Record<string, unknown> {
  const { root, envelope, sizeBytes } = parseMessage(bytes)
  const measure = (path: readonly number[], what: 'ALL' | 'HEADER' | 'TEXT' | 'MIME') => {
    const range = sectionRange(root, path, what)
    return range === undefined ? null : [range.end - range.start, createHash('sha256').update(bytes.subarray(range.start, range.end)).digest('hex').slice(0, 16)]
  }
  const sections = Object.keys(asked.sections).map((name) => {
    if (name === 'HEADER' || name === 'TEXT') return [name, measure([], name)]
    const path = name.split('.').map(Number)
    return [name, { body: measure(path, 'ALL'), mime: measure(path, 'MIME') }]
  })
  return { size: sizeBytes, envelope: envelopeValue(envelope), bodystructure: bodyStructureValue(root, true), body: bodyStructureValue(root, false), sections: Object.fromEntries(sections) as unknown }
}

test('ENVELOPE, BODYSTRUCTURE and sections agree with the reference, save where the difference has a reason', { skip: existsSync(corpus) ? false : 'the corpus is not beside this checkout' }, () => {
  const references = readFileSync(`${corpus}dovecot-2.3.19.jsonl`, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Reference)
  assert.ok(references.length > 600)
  const differing: string[] = []
  for (const reference of references) {
    // The reference's store makes CRLF of bare LF.
    const bytes = Buffer.from(readFileSync(corpus + reference.path, 'latin1').replaceAll(/\r?\n/g, '\r\n'), 'latin1')
    const wanted = { size: reference['rfc822.size'], envelope: reference.envelope, bodystructure: withPlainTypes(reference.bodystructure), body: withPlainTypes(reference.body), sections: reference.sections }
    const name = reference.path.slice('eml/'.length)
    const ours = answers(bytes, reference)
    if (isDeepStrictEqual(ours, wanted)) continue
    if (!(name in differences)) assert.deepEqual(ours, wanted, `${name} differs`)
    differing.push(name)
  }
  // A reason for a difference that is gone misleads.
  assert.deepEqual(differing.sort(), Object.keys(differences).sort())
})
