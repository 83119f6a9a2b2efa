/** The smallest SMTP client that can load a server and knows exactly which messages were answered with 250. */
import { connect } from 'node:net'
import type { Socket } from 'node:net'

export class SmtpClient {
  readonly #socket: Socket
  #buffer = ''
  #waiting: { resolve: (reply: string) => void; reject: (error: Error) => void }[] = []
  #ended: Error | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (chunk) => this.#read(chunk.toString('latin1')))
    socket.on('error', (error) => this.#fail(error))
    socket.on('close', () => this.#fail(new Error('connection closed')))
  }

  static async open(port: number): Promise<SmtpClient> {
    const client = new SmtpClient(connect(port, '127.0.0.1'))
    await client.#reply()
    await client.command('EHLO client.test')
    return client
  }

  /** True when the server answered 250: from then on the message is the server's. */
  async send(from: string, recipients: readonly string[], message: Buffer): Promise<boolean> {
    const replies = [this.command(`MAIL FROM:<${from}>`), ...recipients.map((recipient) => this.command(`RCPT TO:<${recipient}>`)), this.command('DATA')]
    const answers = await Promise.all(replies)
    if (!(answers.at(-1) ?? '').startsWith('354')) throw new Error(answers.join(' | '))
    this.#socket.write(stuff(message))
    this.#socket.write('\r\n.\r\n')
    return (await this.#reply()).startsWith('250')
  }

  async command(line: string): Promise<string> {
    this.#socket.write(line + '\r\n')
    return await this.#reply()
  }

  close(): void {
    this.#socket.destroy()
  }

  #reply(): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) reject(this.#ended)
      else this.#waiting.push({ resolve, reject })
    })
  }

  #read(text: string): void {
    this.#buffer += text
    for (let end = this.#endOfReply(); end > 0; end = this.#endOfReply()) {
      this.#waiting.shift()?.resolve(this.#buffer.slice(0, end))
      this.#buffer = this.#buffer.slice(end)
    }
  }

  #endOfReply(): number {
    return /^(?:\d{3}-[^\n]*\n)*\d{3}(?: [^\n]*)?\r\n/.exec(this.#buffer)?.[0].length ?? 0
  }

  #fail(error: Error): void {
    this.#ended ??= error
    for (const { reject } of this.#waiting.splice(0)) reject(error)
  }
}

/** Dot-stuffed, without the final line end that the terminator brings. */
function stuff(message: Buffer): Buffer {
  const text = message.toString('latin1').replace(/\r\n$/, '').replace(/^\./gm, '..')
  return Buffer.from(text, 'latin1')
}
