/** A self-signed server certificate in DER, RFC 5280 §4.1, for an ECDSA key: just the fields a mail server needs. */
import { algorithm, alternativeNames, distinguishedName, tagged } from './der.ts'

export interface CertificateWishes {
  /** The first is the common name too. Host names and IP addresses. */
  readonly names: readonly string[]
  /** 1 to 20 octets. */
  readonly serial: Uint8Array
  readonly notBefore: Date
  readonly notAfter: Date
  /** SubjectPublicKeyInfo in DER, as node:crypto exports it. */
  readonly publicKey: Uint8Array
}

const oid = {
  basicConstraints: [0x55, 0x1d, 0x13],
  keyUsage: [0x55, 0x1d, 0x0f],
  extKeyUsage: [0x55, 0x1d, 0x25],
  serverAuth: [0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01],
}

/** The part that is signed, with ECDSA over SHA-256. */
export function encodeToBeSigned(wishes: CertificateWishes): Buffer {
  const name = distinguishedName(wishes.names[0] ?? 'localhost')
  const version3 = tagged(0xa0, tagged(0x02, [2]))
  const validity = tagged(0x30, time(wishes.notBefore), time(wishes.notAfter))
  // Serial numbers are positive and have no needless zeros in front: one bit clear, the next one set.
  const serial = tagged(0x02, wishes.serial.map((octet, i) => (i === 0 ? (octet & 0x7f) | 0x40 : octet)))
  return tagged(0x30, version3, serial, algorithm(), name, validity, name, wishes.publicKey, tagged(0xa3, extensions(wishes.names)))
}

/** `signature` in DER, as node:crypto gives it. */
export function encodeCertificate(toBeSigned: Uint8Array, signature: Uint8Array): Buffer {
  return tagged(0x30, toBeSigned, algorithm(), tagged(0x03, [0], signature))
}

function extensions(names: readonly string[]): Buffer {
  const critical = tagged(0x01, [0xff])
  return tagged(
    0x30,
    tagged(0x30, tagged(0x06, oid.basicConstraints), critical, tagged(0x04, tagged(0x30))),
    // digitalSignature: bit 0
    tagged(0x30, tagged(0x06, oid.keyUsage), critical, tagged(0x04, tagged(0x03, [7, 0x80]))),
    tagged(0x30, tagged(0x06, oid.extKeyUsage), tagged(0x04, tagged(0x30, tagged(0x06, oid.serverAuth)))),
    alternativeNames(names),
  )
}

/** UTCTime until 2049, GeneralizedTime after. RFC 5280 §4.1.2.5 */
function time(date: Date): Buffer {
  const text = date.toISOString().replace(/[-:T]|\.\d+/g, '')
  return date.getUTCFullYear() < 2050 ? tagged(0x17, Buffer.from(text.slice(2))) : tagged(0x18, Buffer.from(text))
}
