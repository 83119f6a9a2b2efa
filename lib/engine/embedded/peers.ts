/**
 * The processes that have one data directory open, each with a Unix domain socket in it.
 *
 * Invariants: a process that accepts connections is alive, one whose socket refuses them is dead (the kernel closes it
 * with the process, whatever way it died, and across containers that share the directory); nothing here keeps a process
 * running, except for the moment it waits for an answer; told messages may be lost, asked ones are answered or fail.
 */
import { randomBytes } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { chmod, mkdir, readdir, rename, rm } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { join } from 'node:path'
import { errorFields } from '#lib/base/log.ts'
import type { Log } from '#lib/base/log.ts'
import { EngineUnavailableError } from '../ports.ts'

/** Longest path a socket address holds (unix(7): 108 octets on Linux, 104 on macOS, with a final NUL). */
const addressBytes = 103
const askTimeoutMs = 10_000
/** Begins the name of a socket that does not accept connections yet. */
const unborn = '.'
/** A line longer than this comes from no program of ours. */
const lineLength = 1024 * 1024

export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json }

/** What peers tell each other. `kind` names the part of the engine it is for. */
export interface PeerMessage {
  readonly kind: string
  readonly content: Json
}

type Line = { readonly hello: string } | { readonly tell: PeerMessage } | { readonly ask: number; readonly question: PeerMessage } | { readonly answer: number; readonly content?: Json; readonly error?: string }

interface Question {
  readonly resolve: (answer: Json) => void
  readonly reject: (error: Error) => void
}

export class Peers {
  /** This process's name among the peers; never used again by another. */
  readonly name = `${process.pid}-${randomBytes(6).toString('hex')}`
  readonly #folder: string
  readonly #log: Log
  readonly #server: Server
  readonly #links = new Map<string, Socket>()
  readonly #sockets = new Set<Socket>()
  readonly #told = new Map<string, (content: Json) => void>()
  readonly #asked = new Map<string, (content: Json) => Promise<Json>>()
  readonly #questions = new Map<number, Question>()
  #lastQuestion = 0
  #folderHandle: number | undefined

  private constructor(folder: string, log: Log) {
    this.#folder = folder
    this.#log = log
    this.#server = createServer((socket) => this.#converse(socket))
  }

  static async open(folder: string, log: Log): Promise<Peers> {
    await mkdir(folder, { recursive: true })
    await chmod(folder, 0o700)
    const peers = new Peers(folder, log)
    await peers.#listen()
    for (const name of await readdir(folder)) if (!name.startsWith(unborn)) await peers.isAlive(name)
    return peers
  }

  /** To every other process, as far as it can be reached. */
  tell(message: PeerMessage): void {
    if (this.#links.size === 0) return
    const line = encode({ tell: message })
    for (const socket of this.#links.values()) socket.write(line)
  }

  onTold(kind: string, listener: (content: Json) => void): void {
    this.#told.set(kind, listener)
  }

  onAsked(kind: string, answer: (content: Json) => Promise<Json>): void {
    this.#asked.set(kind, answer)
  }

  /** @throws {EngineUnavailableError} when that process is gone or silent */
  async ask(name: string, question: PeerMessage): Promise<Json> {
    const socket = this.#links.get(name) ?? (await this.#reach(name))
    if (socket === undefined) throw new EngineUnavailableError(`process ${name} is gone`)
    const number = ++this.#lastQuestion
    const { promise, resolve, reject } = Promise.withResolvers<Json>()
    const gone = () => reject(new EngineUnavailableError(`process ${name} is gone`))
    // The timer also keeps this process running until it has its answer.
    const timer = setTimeout(() => reject(new EngineUnavailableError(`process ${name} does not answer`)), askTimeoutMs)
    socket.once('close', gone)
    this.#questions.set(number, { resolve, reject })
    try {
      socket.write(encode({ ask: number, question }))
      return await promise
    } finally {
      clearTimeout(timer)
      socket.off('close', gone)
      this.#questions.delete(number)
    }
  }

  /** False only when that process is surely dead; its socket is swept then. */
  async isAlive(name: string): Promise<boolean> {
    if (name === this.name || this.#links.has(name)) return true
    return (await this.#reach(name)) !== undefined
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
    if (this.#folderHandle !== undefined) closeSync(this.#folderHandle)
    await rm(join(this.#folder, this.name), { force: true })
  }

  /** Under another name until it accepts: a peer that met the socket a moment earlier would take this process for dead. */
  async #listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(this.#address(unborn + this.name), () => resolve())
    })
    this.#server.unref()
    await rename(join(this.#folder, unborn + this.name), join(this.#folder, this.name))
  }

  /** Undefined when nobody listens there any more. */
  async #reach(name: string): Promise<Socket | undefined> {
    const socket = connect(this.#address(name))
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('connect', resolve)
        socket.once('error', reject)
      })
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code
      if (code !== 'ECONNREFUSED' && code !== 'ENOENT' && code !== 'ENOTSOCK') throw new EngineUnavailableError(`process ${name} cannot be reached`, { cause: error })
      await rm(join(this.#folder, name), { force: true })
      return undefined
    }
    this.#converse(socket)
    this.#link(name, socket)
    socket.write(encode({ hello: this.name }))
    return socket
  }

  #link(name: string, socket: Socket): void {
    this.#links.set(name, socket)
    socket.once('close', () => {
      if (this.#links.get(name) === socket) this.#links.delete(name)
    })
  }

  #converse(socket: Socket): void {
    socket.unref()
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', (error) => this.#log.debug('peer-lost', errorFields(error)))
    socket.setEncoding('utf8')
    let rest = ''
    socket.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > lineLength) socket.destroy()
      for (const line of lines) this.#hear(socket, line)
    })
  }

  #hear(socket: Socket, text: string): void {
    const line = decode(text)
    if (line === undefined) socket.destroy()
    else if ('hello' in line) this.#link(line.hello, socket)
    else if ('tell' in line) this.#told.get(line.tell.kind)?.(line.tell.content)
    else if ('ask' in line) void this.#reply(socket, line.ask, line.question)
    else if (line.error !== undefined) this.#questions.get(line.answer)?.reject(new EngineUnavailableError(line.error))
    else this.#questions.get(line.answer)?.resolve(line.content ?? null)
  }

  async #reply(socket: Socket, number: number, question: PeerMessage): Promise<void> {
    try {
      const answer = this.#asked.get(question.kind)
      if (answer === undefined) throw new Error(`nobody here answers ${question.kind}`)
      socket.write(encode({ answer: number, content: await answer(question.content) }))
    } catch (error) {
      this.#log.error('peer-question-failed', { kind: question.kind, ...errorFields(error) })
      socket.write(encode({ answer: number, error: String(error) }))
    }
  }

  /** The socket's path, or a short way round through the open folder when it is too long for an address. */
  #address(name: string): string {
    const path = join(this.#folder, name)
    if (Buffer.byteLength(path) <= addressBytes) return path
    if (process.platform !== 'linux') throw new Error(`the data directory's path is too long for a socket: ${path}`)
    this.#folderHandle ??= openSync(this.#folder, 'r')
    return `/proc/self/fd/${this.#folderHandle}/${name}`
  }
}

/** Undefined for what is no line of ours; its shape is trusted, for the folder is closed to other users. */
function decode(text: string): Line | undefined {
  try {
    return JSON.parse(text) as Line
  } catch {
    return undefined
  }
}

function encode(line: Line): string {
  return JSON.stringify(line) + '\n'
}
