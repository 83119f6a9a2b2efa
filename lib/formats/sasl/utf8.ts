const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Undefined for octets that are no UTF-8. */
export function readUtf8(octets: Uint8Array): string | undefined {
  try {
    return strict.decode(octets)
  } catch {
    return undefined
  }
}
