/** A terminal program in tmux: keys go in, the screen comes back. */
import { eventually, run } from '../harness.ts'
import type { Desk } from './desk.ts'

/** 110 columns and 30 lines of a program that ends with the desk's stage at the latest. */
export class Terminal {
  readonly #socket: string

  private constructor(socket: string) {
    this.#socket = socket
  }

  /** `command` is words for a shell; HOME is the client's own. */
  static async open(desk: Desk, client: string, command: string): Promise<Terminal> {
    const terminal = new Terminal(desk.stage.path(`${client}.tmux`))
    // OpenSSL and Go take the certificates they trust from SSL_CERT_FILE.
    const environment = { HOME: desk.home(client), XDG_CONFIG_HOME: `${desk.home(client)}/.config`, LC_ALL: 'C.UTF-8', SSL_CERT_FILE: desk.certificate, TZ: 'UTC', SHELL: '/bin/sh', TMUX: '' }
    await run('tmux', ['-f', '/dev/null', '-S', terminal.#socket, 'new-session', '-d', '-x', '110', '-y', '30', command], { env: environment })
    desk.stage.onEnd(() => terminal.close())
    return terminal
  }

  async type(text: string): Promise<void> {
    // A semicolon at the end of a word would end tmux's own command.
    await this.#tmux('send-keys', '-l', '--', text.replace(/;$/, '\\;'))
  }

  /** Keys by tmux's names: `Enter`, `C-x`, `Escape`. */
  async press(...keys: string[]): Promise<void> {
    await this.#tmux('send-keys', ...keys)
  }

  async screen(): Promise<string> {
    // capture-pane writes UTF-8; `run` reads octets.
    return Buffer.from((await this.#tmux('capture-pane', '-p')).stdout, 'latin1').toString('utf8')
  }

  /** Waits until the screen shows this, and returns the screen. */
  async shows(pattern: RegExp): Promise<string> {
    let last = ''
    try {
      return await eventually(String(pattern), async () => {
        last = await this.screen()
        return pattern.test(last) && last
      })
    } catch {
      throw new Error(`the screen never showed ${String(pattern)}:\n${last}`)
    }
  }

  /** Waits until the program has ended by itself. */
  async ended(): Promise<void> {
    await eventually('the program ends', async () => (await this.#tmux('has-session')).code !== 0)
  }

  async close(): Promise<void> {
    await this.#tmux('kill-server')
  }

  async #tmux(...words: string[]): Promise<{ code: number; stdout: string }> {
    return await run('tmux', ['-S', this.#socket, ...words], { mayFail: true })
  }
}
