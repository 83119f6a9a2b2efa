/**
 * Thunderbird without a screen, driven over Marionette: scripts of ours run in its window, with its own objects and commands.
 * The protocol: https://firefox-source-docs.mozilla.org/testing/marionette/Protocol.html - `LENGTH:JSON`, where JSON is
 * [0, id, command, parameters] there and [1, id, error, result] back.
 */
import { spawn } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { endChild, eventually } from '../harness.ts'
import type { Desk } from './desk.ts'

type Answer = readonly [type: 1, id: number, error: unknown, result: unknown]

export class Thunderbird {
  readonly #socket: Socket
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>()
  #lastId = 0
  #received = Buffer.alloc(0)

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (octets: Buffer) => this.#receive(octets))
    // Whoever still waits is told; the process ends with the stage.
    socket.on('close', () => this.#waiting.forEach(({ reject }) => reject(new Error('Thunderbird has closed the connection'))))
  }

  /** A new profile with these settings, no account, and the server's certificate as one that the user has accepted. */
  static async open(desk: Desk, settings: Readonly<Record<string, string | number | boolean>>): Promise<Thunderbird> {
    const profile = join(desk.home('thunderbird'), 'profile')
    mkdirSync(profile, { recursive: true })
    const marionette = desk.server.port(99)
    const lines = Object.entries({ ...quiet, ...settings, 'marionette.port': marionette }).map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
    writeFileSync(join(profile, 'user.js'), lines.join(''))
    // What the dialogue of a self-signed certificate writes: host, the OID of SHA-256, the fingerprint.
    const { fingerprint256 } = new X509Certificate(readFileSync(desk.certificate))
    writeFileSync(join(profile, 'cert_override.txt'), [993, 465].map((port) => `localhost:${desk.server.port(port)}:\tOID.2.16.840.1.101.3.4.2.1\t${fingerprint256}\t\n`).join(''))
    // MOZ_LOG=IMAP:5 with MOZ_LOG_FILE, set by whoever runs the test, shows the whole conversation.
    const child = spawn('thunderbird', ['--headless', '--no-remote', '--marionette', '--remote-allow-system-access', '--profile', profile], { env: { ...process.env, HOME: desk.home('thunderbird'), TZ: 'UTC', LC_ALL: 'C.UTF-8' }, stdio: 'ignore' })
    desk.stage.onEnd(() => endChild(child))
    const thunderbird = new Thunderbird(await eventually('Thunderbird listens', () => dial(marionette), 60_000))
    await thunderbird.#call('WebDriver:NewSession', {})
    await thunderbird.#call('WebDriver:SetTimeouts', { script: 30_000 })
    await thunderbird.#call('Marionette:SetContext', { value: 'chrome' })
    return thunderbird
  }

  /** Runs the body of an async function in Thunderbird's main window and returns what it returns. */
  async script(body: string, ...parameters: unknown[]): Promise<unknown> {
    const whole = `const answer = arguments[arguments.length - 1]; (async (...parameters) => { ${prelude} ${body} })(...arguments).then((value) => answer({ value }), (error) => answer({ error: String(error) }))`
    const { value } = (await this.#call('WebDriver:ExecuteAsyncScript', { script: whole, args: parameters })) as { value: { value?: unknown; error?: string } }
    if (value.error !== undefined) throw new Error(`${value.error} in Thunderbird, in: ${body}`)
    return value.value
  }

  /** The window as PNG. */
  async screenshot(): Promise<Buffer> {
    const { value } = (await this.#call('WebDriver:TakeScreenshot', { full: false })) as { value: string }
    return Buffer.from(value, 'base64')
  }

  async #call(command: string, parameters: object): Promise<unknown> {
    const id = ++this.#lastId
    const waiting = Promise.withResolvers<unknown>()
    this.#waiting.set(id, waiting)
    const line = JSON.stringify([0, id, command, parameters])
    this.#socket.write(`${Buffer.byteLength(line)}:${line}`)
    return await waiting.promise
  }

  #receive(octets: Buffer): void {
    this.#received = Buffer.concat([this.#received, octets])
    for (;;) {
      const colon = this.#received.indexOf(':')
      const end = colon + 1 + Number(this.#received.subarray(0, Math.max(colon, 0)))
      if (colon < 0 || this.#received.length < end) return
      const answer = JSON.parse(this.#received.subarray(colon + 1, end).toString()) as Answer | object
      this.#received = this.#received.subarray(end)
      if (Array.isArray(answer)) this.#settle(answer as unknown as Answer)
    }
  }

  #settle([, id, error, result]: Answer): void {
    const waiting = this.#waiting.get(id)
    this.#waiting.delete(id)
    if (error === null) waiting?.resolve(result)
    else waiting?.reject(new Error(`Thunderbird: ${JSON.stringify(error)}`))
  }
}

async function dial(port: number): Promise<Socket | false> {
  return await new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(socket))
    socket.once('error', () => resolve(false))
  })
}

/** What every script can use: the window, the account, its folders by name, and waiting for something to be true. */
const prelude = `
  const { MailServices } = ChromeUtils.importESModule('resource:///modules/MailServices.sys.mjs')
  const pane = document.getElementById('tabmail').currentAbout3Pane
  const account = MailServices.accounts.defaultAccount
  const folders = () => account.incomingServer.rootFolder.descendants
  const folder = (name) => folders().find((one) => one.name === name)
  const subjects = (name) => [...folder(name).msgDatabase.enumerateMessages()].map((header) => header.mime2DecodedSubject)
  const until = async (question) => {
    for (let attempt = 0; attempt < 250; attempt++) {
      const found = await question()
      if (found) return found
      await new Promise((resolve) => window.setTimeout(resolve, 100))
    }
    throw new Error('never true: ' + question)
  }
  // The account hub lives in shadow trees.
  const everything = (root) => [...root.querySelectorAll('*')].flatMap((one) => [one, ...(one.shadowRoot ? everything(one.shadowRoot) : [])])
  const visible = (selector) => until(() => everything(document).find((one) => one.matches(selector) && one.checkVisibility()))
  const rows = () => Array.from({ length: pane.gDBView?.rowCount ?? 0 }, (_, row) => pane.gDBView.getMsgHdrAt(row).mime2DecodedSubject)
  const show = async (name, count) => {
    pane.displayFolder(folder(name).URI)
    await until(() => pane.gFolder?.name === name && rows().length === count)
    return rows().sort()
  }
  const select = async (subject) => {
    pane.threadTree.selectedIndex = (await until(() => rows().indexOf(subject) + 1)) - 1
    return await until(() => pane.gDBView.getSelectedMsgHdrs().find((header) => header.mime2DecodedSubject === subject))
  }
`

/** No first-run pages, and nothing asked of the network. */
const quiet = {
  'app.donation.eoy.version.viewed': 999,
  'app.update.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'extensions.update.enabled': false,
  'mail.rights.version': 1,
  'mail.shell.checkDefaultClient': false,
  'mail.spotlight.firstRunDone': true,
  'mailnews.start_page.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
}
