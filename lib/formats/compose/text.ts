/** Text made safe for header fields and parts: nothing that came from outside can end a line or begin a field. */

/** Lines of header fields end about here; RFC 5322 §2.1.1 */
const lineChars = 76
/** A value that cannot be folded stays below the 998 characters of a line. RFC 5322 §2.1.1 */
const mostLineChars = 900
/** Octets of UTF-8 that fit into one encoded word beside `=?UTF-8?B?`, `?=` and a field name. RFC 2047 §2 */
const wordBytes = 39

export function isAscii(text: string): boolean {
  return /^[\x00-\x7f]*$/.test(text)
}

/** On one line, without controls and without characters that break lines. */
export function oneLine(text: string, mostChars = mostLineChars): string {
  const plain = text.replace(/[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+/g, ' ').trim()
  return plain.length <= mostChars ? plain : `${plain.slice(0, mostChars - 3)}...`
}

/** The same, in printable ASCII. */
export function asciiLine(text: string): string {
  return oneLine(text).replace(/[^\x20-\x7e]/gu, '?')
}

/** `Name: value` with its CRLF, folded at spaces where the line grows long. The value is on one line. */
export function foldField(name: string, value: string): string {
  let text = `${name}:`
  let column = text.length
  for (const word of value.split(' ')) {
    const fold = column > name.length + 1 && column + 1 + word.length > lineChars
    text += `${fold ? '\r\n' : ''} ${word}`
    column = (fold ? 0 : column) + 1 + word.length
  }
  return `${text}\r\n`
}

/** Unstructured text of a header field: as it is in ASCII, else in encoded words (RFC 2047 §2). */
export function encodeText(text: string): string {
  const line = oneLine(text)
  // What looks like an encoded word would be read as one.
  if (isAscii(line) && !line.includes('=?')) return line
  const words: string[] = []
  let bytes: Buffer[] = []
  let size = 0
  // By characters: no encoded word may end inside one. RFC 2047 §5
  for (const char of line) {
    const octets = Buffer.from(char)
    if (size + octets.length > wordBytes) {
      words.push(encodedWord(bytes))
      bytes = []
      size = 0
    }
    bytes.push(octets)
    size += octets.length
  }
  return [...words, encodedWord(bytes)].join(' ')
}

function encodedWord(bytes: readonly Buffer[]): string {
  return `=?UTF-8?B?${Buffer.concat(bytes).toString('base64')}?=`
}

/** RFC 2045 §6.7; lines end with CRLF before and after. */
export function quotedPrintable(text: Uint8Array): string {
  const encoded = Buffer.from(text)
    .toString('latin1')
    .replace(/[^\x20-\x3c\x3e-\x7e\t\r\n]|\r(?!\n)|(?<!\r)\n|[ \t](?=\r\n|$)/g, escapeOctet)
  return encoded.split('\r\n').map(softBreaks).join('\r\n')
}

function escapeOctet(char: string): string {
  return `=${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`
}

/** Lines of at most 76 characters with their `=`; no escape is cut. */
function softBreaks(line: string): string {
  const pieces: string[] = []
  let start = 0
  while (line.length - start > lineChars) {
    const escape = line.lastIndexOf('=', start + lineChars - 2)
    const end = escape >= start + lineChars - 3 ? escape : start + lineChars - 1
    pieces.push(line.slice(start, end))
    start = end
  }
  return [...pieces, line.slice(start)].join('=\r\n')
}

/** A person's name before an address: as it is, quoted, or in encoded words. RFC 5322 §3.2.5 */
export function encodePhrase(text: string): string {
  const line = encodeText(text)
  if (line.startsWith('=?') || /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*$/.test(line)) return line
  return `"${line.replace(/["\\]/g, '\\$&')}"`
}
