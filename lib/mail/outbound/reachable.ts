/** Addresses that a stranger's DNS may send us to: those of the public Internet (RFC 6890 §2.2). */
import { parseIp } from '#lib/base/ip.ts'

const ranges4 = ['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24', '192.168.0.0/16', '198.18.0.0/15', '224.0.0.0/4', '240.0.0.0/4']
// Unspecified, loopback and IPv4-compatible, unique local, link-local and site-local, multicast; NAT64, 6to4 and Teredo
// would lead into the IPv4 ranges.
const ranges6 = ['::/96', 'fc00::/7', 'fe80::/10', 'fec0::/10', 'ff00::/8', '64:ff9b::/96', '64:ff9b:1::/48', '2002::/16', '2001::/32']

const notPublic = [...ranges4, ...ranges6].map((range) => {
  const [text = '', bits = ''] = range.split('/')
  return { network: parseIp(text) ?? new Uint8Array(), bits: Number(bits) }
})

export function isPublicAddress(address: string): boolean {
  const octets = parseIp(address)
  if (octets === undefined) return false
  const plain = isMapped(octets) ? octets.subarray(12) : octets
  return !notPublic.some(({ network, bits }) => network.length === plain.length && samePrefix(network, plain, bits))
}

function isMapped(octets: Uint8Array): boolean {
  return octets.length === 16 && octets.subarray(0, 10).every((octet) => octet === 0) && octets[10] === 255 && octets[11] === 255
}

function samePrefix(a: Uint8Array, b: Uint8Array, bits: number): boolean {
  return a.every((octet, i) => {
    const shift = Math.max(0, 8 - Math.max(0, bits - 8 * i))
    return octet >> shift === (b[i] ?? 0) >> shift
  })
}
