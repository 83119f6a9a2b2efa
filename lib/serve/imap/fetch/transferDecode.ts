/** Takes a transfer encoding off in chunks (RFC 2045 §6), for BINARY. Faulty input decodes as far as it makes sense. */

export interface TransferDecoder {
  write(chunk: Uint8Array): Uint8Array
  end(): Uint8Array
}

const nothing = new Uint8Array(0)

const identity = (): TransferDecoder => ({ write: (chunk) => chunk, end: () => nothing })

/** A fresh decoder; undefined for an encoding that is not known. */
export function transferDecoder(encoding: string): TransferDecoder | undefined {
  switch (encoding.toLowerCase()) {
    case '':
    case '7bit':
    case '8bit':
    case 'binary':
      return identity()
    case 'base64':
      return base64()
    case 'quoted-printable':
      return quotedPrintable()
    default:
      return undefined
  }
}

function octetsOf(chunk: Uint8Array): string {
  return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('latin1')
}

function base64(): TransferDecoder {
  let rest = ''
  const decode = (text: string) => Buffer.from(text, 'base64')
  return {
    write(chunk) {
      const text = rest + octetsOf(chunk).replaceAll(/[^A-Za-z0-9+/]/g, '')
      const whole = text.length - (text.length % 4)
      rest = text.slice(whole)
      return decode(text.slice(0, whole))
    },
    end: () => decode(rest),
  }
}

function quotedPrintable(): TransferDecoder {
  let rest = ''
  const decode = (text: string) => Buffer.from(text.replaceAll(/[ \t]+(?=\r?\n)/g, '').replaceAll(/=(?:\r?\n|([0-9A-Fa-f]{2}))/g, (_, hex: string | undefined) => (hex === undefined ? '' : String.fromCharCode(parseInt(hex, 16)))), 'latin1')
  return {
    write(chunk) {
      const text = rest + octetsOf(chunk)
      // Lines decode one by one; a message without line ends decodes in pieces that hold no escape at their end.
      const line = text.lastIndexOf('\n') + 1
      const whole = line > 0 ? line : text.length > longestLine ? text.length - 4 : 0
      rest = text.slice(whole)
      return decode(text.slice(0, whole))
    },
    end: () => decode(rest),
  }
}

const longestLine = 64 * 1024
