/** Parts that certificates and requests for them have in common, in DER (RFC 5280 §4.1), for an ECDSA key. */
import { parseIp } from '#lib/base/ip.ts'

const oid = {
  ecdsaWithSha256: [0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02],
  commonName: [0x55, 0x04, 0x03],
  subjectAltName: [0x55, 0x1d, 0x11],
}

/** ECDSA over SHA-256. */
export function algorithm(): Buffer {
  return tagged(0x30, tagged(0x06, oid.ecdsaWithSha256))
}

export function distinguishedName(commonName: string): Buffer {
  // 64 characters are the most a common name may have; the alternative names carry the whole.
  return tagged(0x30, tagged(0x31, tagged(0x30, tagged(0x06, oid.commonName), tagged(0x0c, Buffer.from(commonName.slice(0, 64))))))
}

/** The extension subjectAltName: host names and IP addresses. */
export function alternativeNames(names: readonly string[]): Buffer {
  return tagged(0x30, tagged(0x06, oid.subjectAltName), tagged(0x04, tagged(0x30, ...names.map(alternativeName))))
}

function alternativeName(name: string): Buffer {
  const ip = parseIp(name)
  return ip === undefined ? tagged(0x82, Buffer.from(name, 'latin1')) : tagged(0x87, ip)
}

export function tagged(tag: number, ...parts: readonly (Uint8Array | readonly number[])[]): Buffer {
  const content = Buffer.concat(parts.map((part) => Buffer.from(part)))
  const length = content.length
  const head = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255]
  return Buffer.concat([Buffer.from([tag, ...head]), content])
}
