/** xtext, RFC 3461 §4: any octets in printable ASCII, `+3D` for `=`. */

/** Undefined for what is no xtext. Octets above 126 come as UTF-8 text and are kept (RFC 6533 §3). */
export function decodeXtext(text: string): string | undefined {
  if (/[\x00-\x20=\x7f]/.test(text) || /\+(?![0-9A-F]{2})/.test(text)) return undefined
  const decoded = text.replace(/\+([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  // Line ends and other controls could break out of a header field or a command later on.
  return /[\x00-\x1f\x7f]/.test(decoded) ? undefined : decoded
}

export function encodeXtext(text: string): string {
  return text.replace(/[\x00-\x20+=\x7f]/g, (char) => `+${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)
}

/**
 * The address of ORCPT's `utf-8` type: `\x{20AC}` for what stands outside ASCII. RFC 6533 §3.
 * Undefined when an escape is malformed or names no character.
 */
export function decodeUtf8Address(text: string): string | undefined {
  if (/\\(?!x\{[0-9A-F]{2,6}\})/.test(text)) return undefined
  let valid = true
  const decoded = text.replace(/\\x\{([0-9A-F]{2,6})\}/g, (_, hex: string) => {
    const point = parseInt(hex, 16)
    // RFC 6533 §3: no controls, no surrogates.
    if (point > 0x10ffff || point < 0x20 || point === 0x7f || (point >= 0xd800 && point < 0xe000)) valid = false
    return valid ? String.fromCodePoint(point) : ''
  })
  return valid ? decoded : undefined
}
