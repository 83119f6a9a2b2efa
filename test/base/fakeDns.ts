/** A DNS server of a few answers, RFC 1035 §4: enough to see how questions are asked and answers told apart. */
import dgram from 'node:dgram'
import { once } from 'node:events'

export type FakeAnswer = { readonly rcode: number } | { readonly silent: true } | { readonly records: readonly { readonly type: number; readonly ttl: number; readonly data: Buffer }[] }

export const types = { a: 1, ptr: 12, mx: 15, txt: 16, aaaa: 28 }

/** A name as labels. */
export function encodeName(name: string): Buffer {
  const labels = name === '' ? [] : name.split('.')
  return Buffer.concat([...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)])), Buffer.from([0])])
}

export function mxData(priority: number, exchange: string): Buffer {
  return Buffer.concat([Buffer.from([priority >> 8, priority & 255]), encodeName(exchange)])
}

export function txtData(...strings: string[]): Buffer {
  return Buffer.concat(strings.map((text) => Buffer.concat([Buffer.from([text.length]), Buffer.from(text)])))
}

export interface FakeDns {
  readonly port: number
  /** `name type`, in lower case, as they came. */
  readonly questions: string[]
  close(): void
}

/** Answers by `name type`, e.g. `x.test 15`; what is not there does not exist. */
export async function startFakeDns(answers: Readonly<Record<string, FakeAnswer>>): Promise<FakeDns> {
  const socket = dgram.createSocket('udp4')
  const questions: string[] = []
  socket.on('message', (octets, peer) => {
    const labels: string[] = []
    let at = 12
    for (let length = octets[at] ?? 0; length > 0; length = octets[at] ?? 0) {
      labels.push(octets.toString('latin1', at + 1, at + 1 + length).toLowerCase())
      at += 1 + length
    }
    const question = `${labels.join('.')} ${octets.readUInt16BE(at + 1)}`
    questions.push(question)
    const answer = answers[question] ?? { rcode: 3 }
    if ('silent' in answer) return
    const records = 'records' in answer ? answer.records : []
    const head = Buffer.from(octets.subarray(0, 12))
    head[2] = 0x81
    head[3] = 0x80 | ('rcode' in answer ? answer.rcode : 0)
    head.writeUInt16BE(records.length, 6)
    head.writeUInt16BE(0, 8)
    head.writeUInt16BE(0, 10)
    const body = records.map(({ type, ttl, data }) => {
      const fixed = Buffer.alloc(12)
      fixed.writeUInt16BE(0xc00c, 0)
      fixed.writeUInt16BE(type, 2)
      fixed.writeUInt16BE(1, 4)
      fixed.writeUInt32BE(ttl, 6)
      fixed.writeUInt16BE(data.length, 10)
      return Buffer.concat([fixed, data])
    })
    socket.send(Buffer.concat([head, octets.subarray(12, at + 5), ...body]), peer.port, peer.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { port: socket.address().port, questions, close: () => socket.close() }
}
