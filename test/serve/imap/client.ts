/** A client for tests: sends one command, gathers what comes until its tagged answer. */
import { once } from 'node:events'
import type net from 'node:net'

export interface Answer {
  /** `OK`, `NO` or `BAD`. */
  readonly status: string
  /** After the status. */
  readonly text: string
  /** Untagged responses without `* ` and line end; literals stand in them as they came. Latin-1. */
  readonly untagged: readonly string[]
}

export class Client {
  readonly #socket: net.Socket
  #text = ''
  #closed = false
  #wake: (() => void) | undefined
  #count = 0

  constructor(socket: net.Socket) {
    this.#socket = socket
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('latin1')
      this.#wake?.()
    })
    socket.on('close', () => {
      this.#closed = true
      this.#wake?.()
    })
  }

  /** Reads the greeting and logs in. */
  static async enter(socket: net.Socket, login: string): Promise<Client> {
    const client = new Client(socket)
    await client.response()
    await client.ok(`LOGIN ${login} secret`)
    return client
  }

  send(octets: string): void {
    this.#socket.write(octets, 'latin1')
  }

  /** Of the command that comes next. */
  get nextTag(): string {
    return `t${this.#count + 1}`
  }

  async command(words: string): Promise<Answer> {
    const tag = this.nextTag
    this.#count++
    this.send(`${tag} ${words}\r\n`)
    const untagged: string[] = []
    for (;;) {
      const response = await this.response()
      if (response.startsWith('* ')) untagged.push(response.slice(2))
      else if (response.startsWith(`${tag} `)) {
        const [, status = '', text = ''] = /^\S+ (\S+) ([^]*)$/.exec(response) ?? []
        return { status, text, untagged }
      } else throw new Error(`not expected: ${response}`)
    }
  }

  /** @throws when the answer is not OK. */
  async ok(words: string): Promise<Answer> {
    const answer = await this.command(words)
    if (answer.status !== 'OK') throw new Error(`${words}: ${answer.status} ${answer.text}`)
    return answer
  }

  /** One whole response, literals included, without the final line end. */
  async response(): Promise<string> {
    for (;;) {
      const end = responseEnd(this.#text)
      if (end >= 0) {
        const response = this.#text.slice(0, end)
        this.#text = this.#text.slice(end + 2)
        return response
      }
      if (this.#closed) throw new Error(`the server closed; unread: ${JSON.stringify(this.#text.slice(0, 200))}`)
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#socket.destroy()
    await once(this.#socket, 'close')
  }
}

/** Where the first response of the text ends; -1 when more must come. */
function responseEnd(text: string): number {
  for (let at = 0; ; ) {
    const end = text.indexOf('\r\n', at)
    if (end < 0) return -1
    const literal = /\{(\d+)\}$/.exec(text.slice(Math.max(at, end - 24), end))
    if (literal === null) return end
    at = end + 2 + Number(literal[1])
    if (at > text.length) return -1
  }
}

/** Sends everything in these pieces and returns what came until the server closed. Latin-1. */
export async function converse(socket: net.Socket, pieces: readonly string[]): Promise<string> {
  let heard = ''
  socket.on('data', (chunk: Buffer) => (heard += chunk.toString('latin1')))
  socket.on('error', () => undefined)
  const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()))
  for (const piece of pieces) {
    socket.write(piece, 'latin1')
    await new Promise(setImmediate)
  }
  await closed
  return heard
}
