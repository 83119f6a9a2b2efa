/**
 * How blob keys and metadata lie in S3.
 *
 * Invariants: the ways back give exactly what was put; tame keys lie as they are, so that they keep their order and prefixes;
 * what S3 or a way to it may take for a path (`..`, an empty step, a control character) is percent-encoded.
 */
import { PortLimitError } from '../ports.ts'

const s3KeyBytes = 1024
const wild = /%|[\x00-\x1f\x7f\\]|(?<=^|\/)\.{1,2}(?=\/|$)|(?<=^|\/)\//g

/** @throws {PortLimitError} */
export function objectKey(key: string): string {
  const encoded = key.replace(wild, percent)
  if (encoded.length * 3 > s3KeyBytes && Buffer.byteLength(encoded) > s3KeyBytes) throw new PortLimitError(`a blob key is longer than ${s3KeyBytes} octets when encoded: ${key.slice(0, 60)}...`)
  return encoded
}

export function keyOfObject(encoded: string): string {
  return decodeURIComponent(encoded.replace(/%(?![0-9A-F]{2})/g, '%25'))
}

/** What all objects begin with whose keys begin with `prefix`; others may too. */
export function objectPrefix(prefix: string): string {
  // A step that ends here may go on as a tame one.
  return prefix.replace(/(?<=^|\/)\.{1,2}$/, '').replace(wild, percent)
}

const percent = (text: string): string => Array.from(text, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`).join('')

/** S3 lowers the letters of names and takes ASCII in values. */
export function objectMetadata(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [name.replace(/[A-Z-]/g, (char) => (char === '-' ? '--' : `-${char.toLowerCase()}`)), encodeValue(value)]))
}

export function metadataOf(stored: Readonly<Record<string, string>> | undefined): Record<string, string> {
  return Object.fromEntries(Object.entries(stored ?? {}).map(([name, value]) => [name.replace(/-(.)/g, (_, char: string) => (char === '-' ? '-' : char.toUpperCase())), decodeURIComponent(value)]))
}

/** Also the spaces at both ends, which a header loses. */
const encodeValue = (value: string): string => value.replace(/[^\x21-\x7e]|%/gu, (char) => encodeURIComponent(char))
