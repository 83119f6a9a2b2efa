/** Octets to text by the name of a character set, as mail names them (RFC 2045 §5.1, RFC 2047 §2). Never throws. */
import iconv from 'iconv-lite'

/** Names that libraries do not know, or that mean more than they say. */
const aliases: Readonly<Record<string, string>> = {
  'unknown-8bit': '', 'x-unknown': '', 'unknown': '', 'default': '', '8bit': '', 'ascii': '', 'us-ascii': '', 'ansi_x3.4-1968': '',
  'utf8': 'utf-8', 'utf-8': 'utf-8', 'unicode-1-1-utf-7': 'utf-7', 'unicode-1-1-utf-8': 'utf-8',
  // What calls itself Latin 1 is its superset.
  'iso-8859-1': 'windows-1252', 'iso8859-1': 'windows-1252', 'latin1': 'windows-1252', 'iso-8859-8-i': 'iso-8859-8', 'iso-8859-6-i': 'iso-8859-6',
  'gb2312': 'gbk', 'x-gbk': 'gbk', 'ks_c_5601-1987': 'cp949', 'euc-kr': 'cp949', 'x-sjis': 'shift_jis', 'cp-850': 'cp850', 'x-mac-roman': 'macroman',
}

/** `charset` '' or unknown: UTF-8 when it is that, else windows-1252. */
export function decodeCharset(octets: Buffer, charset: string): string {
  const asked = charset.toLowerCase().trim().replace(/^['"]|['"]$/g, '')
  const name = Object.hasOwn(aliases, asked) ? (aliases[asked] ?? '') : asked
  if (name === 'utf-8') return withoutMark(octets.toString('utf8'))
  if (name === '' || isAsciiOctets(octets, name)) return guess(octets)
  // It has states and escapes, which the platform knows.
  if (name.startsWith('iso-2022-')) return decodeByPlatform(octets, name) ?? guess(octets)
  if (iconv.encodingExists(name)) return iconv.decode(octets, name)
  return decodeByPlatform(octets, name) ?? guess(octets)
}

/** Plain ASCII needs no table, save in sets that give ASCII's octets another meaning. */
function isAsciiOctets(octets: Buffer, name: string): boolean {
  if (!/^(iso-?8859|windows-125|cp125|koi8|gb|big5|cp949|euc|shift_jis)/.test(name)) return false
  for (const octet of octets) if (octet > 127 || octet === 27) return false
  return true
}

function guess(octets: Buffer): string {
  const text = octets.toString('utf8')
  return text.includes('\ufffd') && !octets.includes('\ufffd') ? iconv.decode(octets, 'windows-1252') : withoutMark(text)
}

function withoutMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
}

function decodeByPlatform(octets: Buffer, name: string): string | undefined {
  try {
    return new TextDecoder(name).decode(octets)
  } catch {
    return undefined
  }
}
