/** What a login may know of the TLS connection it comes over; lib/serve/door.ts makes it. */
import type { BindingType } from '#lib/formats/sasl/channel.ts'

export interface LoginChannel {
  /** Octets that name this connection; undefined where the connection has none of this type. */
  binding(type: BindingType): Uint8Array | undefined
  /** Addresses in the client's certificate, when an authority that is trusted for this has signed it. */
  readonly clientAddresses: readonly string[]
}
