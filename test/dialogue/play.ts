/**
 * Plays golden sessions. A file holds dialogues; each begins with `# its sentence` and has a connection of its own.
 *
 *   C: text        the client sends the text and CR LF
 *   C= "text"      the client sends the JSON string as it stands (octets: \u0000 to \u00ff), no CR LF added
 *   S: text        the server's next line is this
 *   S~ /regex/i    the server's next line matches
 *   S* /regex/i    lines are skipped until one matches
 *   TLS            both sides begin the handshake
 *   END            the client closes its side
 *   GONE           the server closes
 *   AS name        the lines that follow are of the connection with this name, opened when it is new; the first has none
 *
 * `{name}` in C:, S: and regex lines is replaced by the value of that name.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type net from 'node:net'
import { test } from 'node:test'
import tls from 'node:tls'

const patienceMs = 5000

export interface Stage {
  /** A new connection, greeting unread. */
  connect(): net.Socket
  readonly values?: Readonly<Record<string, string>>
}

/** Makes a test of every dialogue in the file. */
export function playFile(file: URL, stage: Stage): void {
  for (const dialogue of readDialogues(readFileSync(file, 'utf8'))) {
    test(dialogue.sentence, async () => {
      await play(dialogue.lines, stage)
    })
  }
}

interface Dialogue {
  readonly sentence: string
  readonly lines: readonly { readonly text: string; readonly number: number }[]
}

function readDialogues(text: string): Dialogue[] {
  const dialogues: { sentence: string; lines: { text: string; number: number }[] }[] = []
  for (const [index, line] of text.split('\n').entries()) {
    if (line.startsWith('# ')) dialogues.push({ sentence: line.slice(2), lines: [] })
    else if (line.trim() !== '') dialogues.at(-1)?.lines.push({ text: line, number: index + 1 })
  }
  return dialogues
}

async function play(lines: Dialogue['lines'], stage: Stage): Promise<void> {
  let client = new Client(stage.connect())
  let name = ''
  const others = new Map<string, Client>()
  try {
    for (const { text, number } of lines) {
      const fill = (words: string) => words.replace(/\{(\w+)\}/g, (whole, name: string) => stage.values?.[name] ?? whole)
      const [, move, rest = ''] = /^(C:|C=|S:|S~|S\*|TLS|END|GONE|AS) ?(.*)$/.exec(text) ?? []
      const where = `line ${number}: ${text}`
      if (move === 'C:') client.send(`${fill(rest)}\r\n`, 'utf8')
      else if (move === 'C=') client.send(JSON.parse(rest) as string, 'latin1')
      else if (move === 'S:') assert.equal(await client.line(where), fill(rest), where)
      else if (move === 'S~') assert.match(await client.line(where), pattern(fill(rest)), where)
      else if (move === 'S*') while (!pattern(fill(rest)).test(await client.line(where)));
      else if (move === 'TLS') client = await client.secure()
      else if (move === 'END') client.end()
      else if (move === 'GONE') await client.gone(where)
      else if (move === 'AS') {
        others.set(name, client)
        name = rest
        client = others.get(name) ?? new Client(stage.connect())
      } else throw new Error(`not understood: ${where}`)
    }
  } finally {
    for (const one of [client, ...others.values()]) one.destroy()
  }
}

function pattern(text: string): RegExp {
  const [, source = '', flags] = /^\/(.*)\/(\w*)$/.exec(text) ?? []
  return new RegExp(source, flags)
}

class Client {
  readonly #socket: net.Socket
  #text = ''
  #closed = false
  #wake: (() => void) | undefined

  constructor(socket: net.Socket) {
    this.#socket = socket
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      this.#text += chunk.toString('utf8')
      this.#wake?.()
    })
    socket.on('close', () => {
      this.#closed = true
      this.#wake?.()
    })
  }

  send(text: string, encoding: 'utf8' | 'latin1'): void {
    this.#socket.write(text, encoding)
  }

  async line(where: string): Promise<string> {
    while (!this.#text.includes('\r\n')) await this.#news(where)
    const end = this.#text.indexOf('\r\n')
    const line = this.#text.slice(0, end)
    this.#text = this.#text.slice(end + 2)
    return line
  }

  async gone(where: string): Promise<void> {
    while (!this.#closed) await this.#news(where)
    assert.equal(this.#text, '', `${where}: the server said more`)
  }

  async secure(): Promise<Client> {
    this.#socket.removeAllListeners('data')
    const secured = tls.connect({ socket: this.#socket, rejectUnauthorized: false })
    await once(secured, 'secureConnect')
    return new Client(secured)
  }

  end(): void {
    this.#socket.end()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #news(where: string): Promise<void> {
    if (this.#closed) throw new assert.AssertionError({ message: `${where}: the server closed; unread: ${JSON.stringify(this.#text)}` })
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new assert.AssertionError({ message: `${where}: nothing came; unread: ${JSON.stringify(this.#text)}` })), patienceMs)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
