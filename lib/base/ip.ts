/** IP addresses as text and as octets, one spelling for each, so that limits and logs cannot be split by spelling. */

/** 4 or 16 octets; undefined for what is no address. A zone (`%eth0`) is dropped. */
export function parseIp(text: string): Uint8Array | undefined {
  const bare = text.split('%', 1)[0] ?? ''
  return bare.includes(':') ? parseIpv6(bare) : parseIpv4(bare)
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  // A leading zero is octal to some readers and decimal to others: refused.
  if (!parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)) return undefined
  return Uint8Array.from(parts, Number)
}

// RFC 4291 §2.2
function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  // Only the very last group of an address may be dotted.
  const [head, tail] = halves.map((half, i) => parseGroups(half, i === halves.length - 1))
  if (head === undefined) return undefined
  if (halves.length === 1) return head.length === 16 ? Uint8Array.from(head) : undefined
  if (tail === undefined || head.length + tail.length > 14) return undefined
  return Uint8Array.from([...head, ...new Array<number>(16 - head.length - tail.length).fill(0), ...tail])
}

function parseGroups(text: string, mayEndDotted: boolean): number[] | undefined {
  if (text === '') return []
  const octets: number[] = []
  const groups = text.split(':')
  for (const [index, group] of groups.entries()) {
    if (/^[0-9a-f]{1,4}$/i.test(group)) {
      const value = parseInt(group, 16)
      octets.push(value >> 8, value & 255)
      continue
    }
    const dotted = mayEndDotted && index === groups.length - 1 ? parseIpv4(group) : undefined
    if (dotted === undefined) return undefined
    octets.push(...dotted)
  }
  return octets
}

/** The canonical text; an IPv4 address mapped into IPv6 comes out as IPv4. */
export function formatIp(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join('.')
  if (octets.subarray(0, 10).every((octet) => octet === 0) && octets[10] === 255 && octets[11] === 255) return octets.subarray(12).join('.')
  const groups = Array.from({ length: 8 }, (_, i) => ((octets[2 * i] ?? 0) << 8) | (octets[2 * i + 1] ?? 0))
  const { start, length } = longestZeroRun(groups)
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(':')
  return length < 2 ? hex(groups) : `${hex(groups.slice(0, start))}::${hex(groups.slice(start + length))}`
}

// RFC 5952 §4.2
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 }
  for (let start = 0; start < 8; start++) {
    let end = start
    while (end < 8 && groups[end] === 0) end++
    if (end - start > best.length) best = { start, length: end - start }
  }
  return best
}

/** The one spelling of an address; what is no address stays as it is. */
export function normalizeIp(text: string): string {
  // Nearly every call: plain IPv4 as the system gives it.
  if (!text.includes(':')) return text
  const octets = parseIp(text)
  return octets === undefined ? text : formatIp(octets)
}

/** What limits count: an IPv4 address, or the /64 of an IPv6 address, since one customer commonly owns all of it. */
export function limitKey(address: string): string {
  if (!address.includes(':')) return address
  const octets = parseIp(address)
  return octets?.length === 16 ? `${formatIp(Uint8Array.from([...octets.subarray(0, 8), 0, 0, 0, 0, 0, 0, 0, 0]))}/64` : address
}
